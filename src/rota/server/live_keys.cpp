#include "rota/server/live_keys.h"

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/store/keys.h"

namespace rota::server {

Result<std::unique_ptr<LiveKeys>> LiveKeys::open(const std::string& directory) {
    store::Keys stored = ROTA_TRY(store::Keys::open(directory));
    std::unique_ptr<LiveKeys> keys{new LiveKeys{std::move(stored)}};
    keys->version_ = ROTA_TRY(keys->keys_.version());
    ROTA_CHECK(keys->reload());
    return keys;
}

LiveKeys::~LiveKeys() {
    thread_.request_stop();
    wake_.notify_all();
}

void LiveKeys::start() {
    thread_ = std::jthread{[this](const std::stop_token& stop) { follow(stop); }};
}

Status LiveKeys::reload() {
    std::map<std::string, std::string, std::less<>> secrets;
    for (store::Key& key : ROTA_TRY(keys_.all())) {
        secrets.emplace(std::move(key.id), std::move(key.secret));
    }
    const std::scoped_lock lock{mutex_};
    secrets_ = std::move(secrets);
    return {};
}

void LiveKeys::follow(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds kInterval{250};
    bool failing = false;
    while (true) {
        {
            std::unique_lock lock{mutex_};
            wake_.wait_for(lock, stop, kInterval, [] { return false; });
        }
        if (stop.stop_requested()) {
            return;
        }
        // The version is read first: a change in between is seen again the next time.
        const auto version = keys_.version();
        if (version && *version == version_) {
            continue;
        }
        const Status read = version ? reload() : std::unexpected(version.error());
        if (read) {
            version_ = *version;
            log::info("access keys read", {{"keys", count()}});
        } else if (!failing) {
            log::error("access keys not read", {{"error", read.error().message}});
        }
        failing = !read;
    }
}

std::optional<std::string> LiveKeys::secret_of(std::string_view id) const {
    const std::scoped_lock lock{mutex_};
    const auto found = secrets_.find(id);
    return found == secrets_.end() ? std::nullopt : std::optional{found->second};
}

std::size_t LiveKeys::count() const {
    const std::scoped_lock lock{mutex_};
    return secrets_.size();
}

}  // namespace rota::server
