// Counted references for the persistent tree. One thread only, so the count is plain.
#pragma once

#include <cstdint>
#include <utility>

namespace hvctld::store {

class RefCounted {
  public:
    RefCounted() = default;
    RefCounted(const RefCounted&) {}  // a copy starts its own count
    RefCounted& operator=(const RefCounted&) = delete;

  private:
    template <class T>
    friend class Ref;
    std::uint32_t references_ = 0;
};

template <class T>
class Ref {
  public:
    Ref() = default;
    explicit Ref(T* object) : object_(object) { retain(); }
    Ref(const Ref& other) : object_(other.object_) { retain(); }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_ != nullptr && --object_->references_ == 0) delete object_;
    }

    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    bool operator==(const Ref&) const = default;

    // Makes the object this reference's own, copying it if a snapshot shares it, so that it may be changed.
    T& own() {
        if (object_->references_ > 1) *this = Ref{new T(*object_)};
        return *object_;
    }

  private:
    void retain() {
        if (object_ != nullptr) ++object_->references_;
    }
    T* object_ = nullptr;
};

}  // namespace hvctld::store
