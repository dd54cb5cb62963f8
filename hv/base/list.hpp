// Intrusive doubly linked lists: no allocation, one typed hook per list that an object can be on.
#pragma once

namespace hv {

struct ListHook {
    ListHook* next = nullptr;
    ListHook* previous = nullptr;
    bool linked() const { return next != nullptr; }
};

template <class T, ListHook T::*Hook>
class IntrusiveList {
  public:
    IntrusiveList() { head_.next = head_.previous = &head_; }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;

    bool empty() const { return head_.next == &head_; }
    T* front() { return empty() ? nullptr : owner(head_.next); }
    T* back() { return empty() ? nullptr : owner(head_.previous); }
    T* next(T& item) { return (item.*Hook).next == &head_ ? nullptr : owner((item.*Hook).next); }
    void append(T& item) { insert_before(&head_, item); }
    // `position` null means at the end.
    void insert_before(T* position, T& item) { insert_before(position ? &(position->*Hook) : &head_, item); }
    void remove(T& item) {
        ListHook& hook = item.*Hook;
        hook.previous->next = hook.next;
        hook.next->previous = hook.previous;
        hook = {};
    }

  private:
    void insert_before(ListHook* position, T& item) {
        ListHook& hook = item.*Hook;
        hook.previous = position->previous;
        hook.next = position;
        position->previous->next = &hook;
        position->previous = &hook;
    }
    static T* owner(ListHook* hook) {
        // The hook is a member of T at a fixed offset.
        alignas(T) static char probe[sizeof(T)];
        T* base = reinterpret_cast<T*>(probe);
        const auto offset = reinterpret_cast<char*>(&(base->*Hook)) - probe;
        return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
    }

    ListHook head_;
};

}  // namespace hv
