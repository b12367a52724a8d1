#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rota/aws/digest.h"
#include "rota/http/message.h"

// The steps of Signature Version 4 that signer and verifier share.
// @source IAM User Guide, "Create a signed AWS API request".
namespace rota::aws {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kTerminator = "aws4_request";

/// The path as signed by every service but S3: dot segments and empty segments removed, then each
/// octet outside the unreserved set encoded once more than on the wire.
std::string canonical_path(std::string_view path);

/// Pairs decoded, encoded strictly, sorted by encoded name and then value; always with "=".
std::string canonical_query(std::string_view query);

/// Without outer white space, inner runs of it as one space.
std::string canonical_header_value(std::string_view value);

/// @param signed_names  lower case, sorted, no duplicates; a name that the request lacks counts as
/// empty.
/// @param body_hash  lower-case hexadecimal SHA-256 of the body.
std::string canonical_request(const http::Request& request,
                              const std::vector<std::string>& signed_names,
                              std::string_view body_hash);

/// "20150830/us-east-1/route53/aws4_request".
std::string scope_text(std::string_view day, std::string_view region, std::string_view service);

/// The last step: the signature in lower-case hexadecimal.
std::string signature(std::string_view secret, std::string_view date_time, std::string_view day,
                      std::string_view region, std::string_view service,
                      std::string_view canonical);

/// True for headers that change what a request means, so that nobody on the way may add or strip
/// them: AWS's own and ours. @param lower  the header's name in lower case.
bool must_be_signed(std::string_view lower) noexcept;

/// Names joined by ";".
std::string join_names(const std::vector<std::string>& names);

}  // namespace rota::aws
