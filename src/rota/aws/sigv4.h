#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/http/message.h"

// AWS Signature Version 4, header form: one canonicalisation, used by the client to sign and by the
// server to verify.
// @source AWS General Reference / IAM User Guide, "Create a signed AWS API request".
namespace rota::aws {

struct Credentials {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;        ///< empty for long-term keys
    std::optional<WallTime> expires;  ///< nothing for long-term keys
    std::string region;               ///< the instance's, for those of its role; else empty
};

/// Adds Host (from `host`, unless present), X-Amz-Date, X-Amz-Security-Token (when the credentials
/// have one) and Authorization. X-Amz-Content-Sha256 is not sent (only S3 needs it). Signed: host,
/// x-amz-*, x-rota-*, content-type when present.
void sign(http::Request& request, std::string_view host, const Credentials& credentials,
          std::string_view region, std::string_view service, WallTime now);

/// Why a request is not authentic; `code` and `message` are AWS's, status 403 (400 for what cannot
/// be parsed: IncompleteSignature).
struct AuthError {
    int status = 403;
    std::string code;
    std::string message;
};

/// Gives the secret of an access key id; nothing when there is no such key.
using SecretLookup = std::function<std::optional<std::string>(std::string_view access_key_id)>;

struct VerifyOptions {
    std::string_view service = "route53";
    bool allow_aws3 = false;  ///< boto 2's AWS3-HTTPS: an HMAC over the Date header alone
};

/// Checks Authorization of a request as received: scope (any region, our service), date window of 5
/// minutes both ways, signed headers (host and every x-amz-* and x-rota-* present must be signed;
/// AWS3-HTTPS signs no headers, so it takes no x-rota-*), body hash,
/// signature in constant time.
/// @returns the access key id.
std::expected<std::string, AuthError> verify(const http::Request& request,
                                             const SecretLookup& secret_of, WallTime now,
                                             const VerifyOptions& options);

}  // namespace rota::aws
