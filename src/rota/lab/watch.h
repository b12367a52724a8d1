#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/guarded.h"

namespace rota::route53 {
class Client;
}

namespace rota::lab {

std::unique_ptr<route53::Client> make_route53_client(const std::string& url,
                                                     const std::string& key_id,
                                                     const std::string& secret);

/// One record set of the rota as the API lists it.
struct Listed {
    std::string set_identifier;
    std::string address;
    unsigned weight = 0;
    std::chrono::seconds ttl{0};
};

struct Listing {
    BootTime asked_at;  ///< what changed after this may be missing
    BootTime answered_at;
    std::vector<Listed> members;
    std::string error;  ///< why the newest attempt failed; empty when it did not
};

/// Reads the rota through the API again and again, on a thread of its own, as any observer could.
class RotaWatch {
public:
    RotaWatch(std::unique_ptr<route53::Client> client, std::string zone_id, std::string name,
              std::chrono::milliseconds interval);
    RotaWatch(const RotaWatch&) = delete;
    RotaWatch& operator=(const RotaWatch&) = delete;
    RotaWatch(RotaWatch&&) = delete;
    RotaWatch& operator=(RotaWatch&&) = delete;
    ~RotaWatch();

    [[nodiscard]] Listing latest() const;

private:
    void run(const std::stop_token& stop);
    void read_once();

    std::unique_ptr<route53::Client> client_;
    std::string zone_id_;
    std::string name_;
    std::chrono::milliseconds interval_;
    Guarded<Listing> listing_;
    std::mutex sleep_mutex_;
    std::condition_variable_any sleep_;
    std::jthread thread_;  // last: it uses all the others
};

}  // namespace rota::lab
