#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "rota/base/error.h"
#include "rota/store/keys.h"

namespace rota::server {

/// The access keys as they are now: a thread looks four times a second whether `rota keys` changed
/// the file and reads it anew.
class LiveKeys {
public:
    /// Reads the keys. @errors as store::Keys::open.
    static Result<std::unique_ptr<LiveKeys>> open(const std::string& directory);

    LiveKeys(const LiveKeys&) = delete;
    LiveKeys& operator=(const LiveKeys&) = delete;
    LiveKeys(LiveKeys&&) = delete;
    LiveKeys& operator=(LiveKeys&&) = delete;
    ~LiveKeys();

    /// Begins to follow the file.
    void start();

    [[nodiscard]] std::optional<std::string> secret_of(std::string_view id) const;
    [[nodiscard]] std::size_t count() const;

private:
    explicit LiveKeys(store::Keys keys) : keys_{std::move(keys)} {}

    Status reload();
    void follow(const std::stop_token& stop);

    store::Keys keys_;
    std::int64_t version_ = 0;
    mutable std::mutex mutex_;
    std::condition_variable_any wake_;
    std::map<std::string, std::string, std::less<>> secrets_;
    std::jthread thread_;
};

}  // namespace rota::server
