#include "rota/lab/resolver_cache.h"

#include <chrono>
#include <string>
#include <utility>

#include "rota/base/clock.h"

namespace rota::lab {

ResolverCache::Lookup ResolverCache::look_up(BootTime now) {
    if (expires_ && now < *expires_) {
        return {.outcome = Outcome::hit, .address = address_};
    }
    if (is_asking_) {
        return {.outcome = Outcome::wait, .address = {}};
    }
    is_asking_ = true;
    return {.outcome = Outcome::miss, .address = {}};
}

void ResolverCache::store(std::string address, std::chrono::seconds ttl, BootTime now) {
    address_ = std::move(address);
    expires_ = now + ttl;
    is_asking_ = false;
}

bool ResolverCache::holds(const std::string& address, BootTime now) const {
    return expires_ && now < *expires_ && address_ == address;
}

}  // namespace rota::lab
