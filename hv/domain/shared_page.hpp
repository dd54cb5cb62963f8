// hv's own pages that a domain may map: shared info, grant tables.
#pragma once

#include <cstddef>

#include "hv/base/result.hpp"
#include "hv/base/types.hpp"

namespace hv {

class Domain;
struct FrameInfo;

// hv's reference on such a page, and the only way to have one. The domain may map it, and nothing else: what hv owns is
// no memory of the domain's, so no name of it is good for a release, an exchange, a grant or another use
// (FrameInfo::kShared). The page is zeroed, not counted as the domain's, and lives as long as this or any mapping.
class SharedPage {
  public:
    static Result<SharedPage> allocate(Domain& domain);  // Error::NoMemory
    // One that is withdrawn from its beginning on: there is no moment in which it can be mapped.
    static Result<SharedPage> allocate_withdrawn(Domain& domain);

    SharedPage() = default;
    SharedPage(SharedPage&& other) noexcept : domain_{other.domain_}, info_{other.info_} { other.info_ = nullptr; }
    SharedPage& operator=(SharedPage&& other) noexcept {
        if (this != &other) {
            free();
            domain_ = other.domain_;
            info_ = other.info_;
            other.info_ = nullptr;
        }
        return *this;
    }
    ~SharedPage() { free(); }

    explicit operator bool() const { return info_ != nullptr; }
    Mfn frame() const;
    std::byte* bytes() const;

    // A withdrawn page cannot be mapped anew. False, and nothing changed, when it is mapped now.
    bool withdraw();
    void offer();  // to the domain, again

    // hv gives the page up. A mapping that is left keeps the page until it ends, but no new one can be made.
    void free();

  private:
    static Result<SharedPage> allocate(Domain& domain, DomainId owner);

    SharedPage(Domain& domain, FrameInfo& info) : domain_{&domain}, info_{&info} {}

    Domain* domain_ = nullptr;
    FrameInfo* info_ = nullptr;
};

// One that holds a T.
template <class T>
class SharedObject final : public SharedPage {
  public:
    static_assert(sizeof(T) <= kPageSize);
    SharedObject() = default;
    explicit SharedObject(SharedPage&& page) : SharedPage{std::move(page)}, object_{reinterpret_cast<T*>(bytes())} {}
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }

  private:
    T* object_ = nullptr;
};

}  // namespace hv
