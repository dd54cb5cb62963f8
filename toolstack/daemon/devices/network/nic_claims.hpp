// Which guest has which MAC address and which addresses: no two have the same.
//
// A claim begins when a network interface is prepared and ends with it. The addresses of guests that do not run are
// kept free for them, but are theirs only when they start.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "base/errors.hpp"
#include "config/definition.hpp"

namespace hvctld {

class NicClaims {
  public:
    // Calls the given function with all network interfaces that are defined, whether their guests run or not.
    using Visit = std::function<void(const std::string& domain, const config::NicDefinition& nic)>;
    std::function<void(const Visit& visit)> each_defined = [](const Visit&) {};

    // AddressTaken, with the name of the domain that has it. Replaces what the domain had claimed for that MAC address.
    Result<void> take(const std::string& domain, const config::NicDefinition& nic);
    void release(const std::string& domain, const config::MacAddress& mac);
    void release(const std::string& domain);
    // The domain has another name.
    void rename(const std::string& before, const std::string& now);

    // Of the `index`th network interface of a domain: the same each time, unless another one has it.
    [[nodiscard]] config::MacAddress make_mac(const std::string& seed, const std::string& domain,
                                              std::size_t index) const;
    // An address in the network of Dom0's `own`, for that MAC address: as with make_mac(). LimitReached.
    [[nodiscard]] Result<config::IpPrefix> make_address(const config::IpPrefix& own,
                                                        const config::MacAddress& mac) const;

  private:
    struct Claim {
        std::string domain;
        config::NicDefinition nic;
    };
    [[nodiscard]] bool anybody(const std::function<bool(const config::NicDefinition&)>& has) const;

    std::list<Claim> claims_;
};

}  // namespace hvctld
