#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/error.h"

namespace rota::aws {

struct ImdsOptions {
    std::string endpoint = "http://169.254.169.254";
    bool allow_v1 = false;  ///< fall back to requests without a token; only when asked
    std::chrono::milliseconds token_timeout{1000};
    std::chrono::milliseconds request_timeout{2000};
    int tries = 3;  ///< with back-off
};

/// The EC2 instance metadata service, version 2: takes a token, keeps it until near its expiry,
/// takes a new one once on a 401. Thread-safe.
/// @source EC2 User Guide, "Use the Instance Metadata Service".
class Imds {
public:
    explicit Imds(ImdsOptions options);
    ~Imds();
    Imds(const Imds&) = delete;
    Imds& operator=(const Imds&) = delete;
    Imds(Imds&&) = delete;
    Imds& operator=(Imds&&) = delete;

    /// The text at "/latest/" + path, for example "meta-data/instance-id"; nothing on 404 (the item
    /// is absent: normal).
    /// @errors unavailable (retryable; mentions the hop limit of 1 when the token request timed
    /// out), permission (403: turned off).
    Result<std::optional<std::string>> get(std::string_view path);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::aws
