#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/canonical.h"
#include "rota/aws/digest.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/base/time_format.h"
#include "rota/http/message.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

template <typename T>
using Checked = std::expected<T, AuthError>;

constexpr std::string_view kBlanks = " \t";
constexpr std::chrono::minutes kWindow{5};  // Route 53's; most other services allow 15

std::unexpected<AuthError> mismatch(std::string message) {
    return std::unexpected(AuthError{403, "SignatureDoesNotMatch", std::move(message)});
}

std::unexpected<AuthError> wrong_signature() {
    return mismatch(
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.");
}

std::unexpected<AuthError> unknown_key() {
    return std::unexpected(AuthError{403, "InvalidClientTokenId",
                                     "The security token included in the request is invalid."});
}

std::unexpected<AuthError> missing_token(std::string_view hint = {}) {
    return std::unexpected(AuthError{403, "MissingAuthenticationToken",
                                     fmt::format("Missing Authentication Token{}", hint)});
}

std::unexpected<AuthError> incomplete(std::string message) {
    return std::unexpected(AuthError{400, "IncompleteSignature", std::move(message)});
}

/// The parameters of an Authorization header; views into it.
struct Parameters {
    std::string_view credential;
    std::string_view signed_headers;
    std::string_view signature;
};

struct Scope {
    std::string_view access_key_id;
    std::string_view day;
    std::string_view region;
    std::string_view service;
    std::string_view terminator;
};

struct Stamp {
    WallTime time;
    std::string text;  ///< in the basic form, as signed
};

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(at + 1);
    }
}

std::size_t count(const http::Headers& headers, std::string_view name) {
    return static_cast<std::size_t>(std::ranges::count_if(
        headers, [&](const auto& field) { return http::same_name(field.first, name); }));
}

Checked<Parameters> parse_parameters(std::string_view authorization, bool has_date) {
    Parameters found;
    const std::array<std::pair<std::string_view, std::string_view*>, 3> known{
        {{"Credential", &found.credential},
         {"SignedHeaders", &found.signed_headers},
         {"Signature", &found.signature}}};
    for (const std::string_view part : split(authorization.substr(kAlgorithm.size()), ',')) {
        const std::string_view pair = trimmed(part, kBlanks);
        const auto equals = pair.find('=');
        for (const auto& [name, place] : known) {
            if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
                if (!place->empty()) {
                    return incomplete(fmt::format(
                        "Authorization header has more than one '{}' parameter.", name));
                }
                *place = pair.substr(equals + 1);
            }
        }
    }
    std::string problems;
    for (const auto& [name, place] : known) {
        if (place->empty()) {
            problems += fmt::format("Authorization header requires '{}' parameter. ", name);
        }
    }
    if (!has_date) {
        problems +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if (!problems.empty()) {
        return incomplete(
            fmt::format("{}(Hashed with SHA-256 and encoded with Base64) Authorization={}",
                        problems, to_base64(sha256(authorization))));
    }
    return found;
}

Checked<Scope> parse_scope(std::string_view credential) {
    const auto parts = split(credential, '/');
    if (parts.size() != 5 || parts[0].empty()) {
        return incomplete(
            fmt::format("Credential must have exactly 5 slash-delimited elements, e.g. "
                        "keyid/date/region/service/term, got '{}'",
                        credential));
    }
    return Scope{parts[0], parts[1], parts[2], parts[3], parts[4]};
}

/// The request's time: X-Amz-Date, or else Date, in the basic form or as an HTTP date.
Checked<Stamp> parse_date(const http::Headers& headers) {
    const char* name = "X-Amz-Date";
    const std::string* text = http::find(headers, name);
    if (text == nullptr) {
        name = "Date";
        text = http::find(headers, name);
    }
    if (text == nullptr || count(headers, name) != 1) {
        return incomplete(fmt::format("Date must be given once, in '{}'.", name));
    }
    const std::string_view value = trimmed(*text, kBlanks);
    auto time = parse_basic(value);
    if (!time) {
        time = parse_http_date(value);
    }
    if (!time) {
        return incomplete(
            fmt::format("Date must be in ISO-8601 'basic format'. Got '{}'. See "
                        "http://en.wikipedia.org/wiki/ISO_8601",
                        value));
    }
    return Stamp{*time, format_basic(*time)};
}

Checked<void> check_window(WallTime signed_at, WallTime now) {
    now = std::chrono::floor<std::chrono::seconds>(now);
    const std::string signed_text = format_basic(signed_at);
    const std::string now_text = format_basic(now);
    if (signed_at < now - kWindow) {
        return mismatch(fmt::format("Signature expired: {} is now earlier than {} ({} - {} min.)",
                                    signed_text, format_basic(now - kWindow), now_text,
                                    kWindow.count()));
    }
    if (signed_at > now + kWindow) {
        return mismatch(
            fmt::format("Signature not yet current: {} is still later than {} ({} + {} "
                        "min.)",
                        signed_text, format_basic(now + kWindow), now_text, kWindow.count()));
    }
    return {};
}

Checked<void> check_scope(const Scope& scope, const Stamp& stamp, std::string_view service) {
    std::string problems;
    if (scope.service != service) {
        problems += fmt::format("Credential should be scoped to correct service: '{}'. ", service);
    }
    if (scope.terminator != kTerminator) {
        problems +=
            fmt::format("Credential should be scoped with a valid terminator: '{}', not '{}'. ",
                        kTerminator, scope.terminator);
    }
    if (scope.region.empty()) {
        problems += "Credential should be scoped to a valid region. ";
    }
    const std::string_view day = std::string_view{stamp.text}.substr(0, 8);
    if (scope.day != day) {
        problems += fmt::format(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            "HTTP: '{}' != '{}', from '{}'. ",
            scope.day, day, stamp.text);
    }
    if (!problems.empty()) {
        return mismatch(std::move(problems));
    }
    return {};
}

/// SignedHeaders in canonical order; host and every x-amz-* and x-rota-* of the request must be
/// among them.
Checked<std::vector<std::string>> signed_names(const http::Headers& headers,
                                               std::string_view list) {
    std::vector<std::string> names;
    for (const std::string_view name : split(list, ';')) {
        names.push_back(to_lower(name));
    }
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    if (!std::ranges::binary_search(names, "host")) {
        return mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    for (const auto& [name, value] : headers) {
        const std::string lower = to_lower(name);
        if (must_be_signed(lower) && !std::ranges::binary_search(names, lower)) {
            return mismatch(
                fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", lower));
        }
    }
    return names;
}

/// The hash that was signed must be that of the body at hand: unsigned and streamed bodies are not
/// accepted.
Checked<std::string> body_hash(const http::Request& request) {
    std::string hash = sha256_hex(request.body);
    const std::string* claimed = http::find(request.headers, "x-amz-content-sha256");
    if (claimed == nullptr || trimmed(*claimed, kBlanks) == hash) {
        return hash;
    }
    if (claimed->starts_with("UNSIGNED-PAYLOAD") || claimed->starts_with("STREAMING-")) {
        return mismatch(
            "Unsigned and streamed payloads are not supported: sign the SHA-256 of the "
            "whole body.");
    }
    return wrong_signature();
}

Checked<std::string> secret_for(const http::Request& request, const SecretLookup& secret_of,
                                std::string_view access_key_id) {
    // Keys here are long-term: a token means somebody else's temporary credentials.
    const std::string* token = http::find(request.headers, "x-amz-security-token");
    if (token != nullptr && !trimmed(*token, kBlanks).empty()) {
        return unknown_key();
    }
    std::optional<std::string> secret = secret_of(access_key_id);
    if (!secret) {
        return unknown_key();
    }
    return *std::move(secret);
}

Checked<std::string> verify_v4(const http::Request& request, std::string_view authorization,
                               const SecretLookup& secret_of, WallTime now,
                               const VerifyOptions& options) {
    const bool has_date = http::find(request.headers, "x-amz-date") != nullptr ||
                          http::find(request.headers, "date") != nullptr;
    const Parameters parameters = ROTA_TRY(parse_parameters(authorization, has_date));
    const Scope scope = ROTA_TRY(parse_scope(parameters.credential));
    const Stamp stamp = ROTA_TRY(parse_date(request.headers));
    const auto names = ROTA_TRY(signed_names(request.headers, parameters.signed_headers));
    ROTA_CHECK(check_scope(scope, stamp, options.service));
    ROTA_CHECK(check_window(stamp.time, now));
    const std::string secret = ROTA_TRY(secret_for(request, secret_of, scope.access_key_id));
    const std::string hash = ROTA_TRY(body_hash(request));
    const std::string expected = signature(secret, stamp.text, scope.day, scope.region,
                                           scope.service, canonical_request(request, names, hash));
    if (!equal_constant_time(expected, parameters.signature)) {
        return wrong_signature();
    }
    return std::string{scope.access_key_id};
}

/// "AWS3-HTTPS AWSAccessKeyId=ID,Algorithm=HmacSHA256,Signature=base64(HMAC(date header))".
Checked<std::string> verify_aws3(const http::Request& request, std::string_view authorization,
                                 const SecretLookup& secret_of, WallTime now) {
    std::string_view access_key_id;
    std::string_view algorithm;
    std::string_view given;
    const auto space = authorization.find(' ');
    const auto text =
        space == std::string_view::npos ? std::string_view{} : authorization.substr(space + 1);
    for (const std::string_view part : split(text, ',')) {
        const std::string_view pair = trimmed(part, kBlanks);
        const auto equals = std::min(pair.find('='), pair.size());
        const std::string_view name = pair.substr(0, equals);
        const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
        if (name == "AWSAccessKeyId") {
            access_key_id = value;
        } else if (name == "Algorithm") {
            algorithm = value;
        } else if (name == "Signature") {
            given = value;
        }
    }
    if (access_key_id.empty() || given.empty()) {
        return incomplete(
            "AWS3-HTTPS requires the parameters AWSAccessKeyId, Algorithm and "
            "Signature.");
    }
    if (algorithm != "HmacSHA256") {
        return incomplete(fmt::format(
            "AWS3-HTTPS is accepted with the algorithm HmacSHA256 only, got '{}'.", algorithm));
    }
    for (const auto& [name, value] : request.headers) {
        if (to_lower(name).starts_with("x-rota-")) {
            return mismatch(
                fmt::format("'{}' must be signed, and AWS3-HTTPS signs no headers: use Signature "
                            "Version 4.",
                            to_lower(name)));
        }
    }
    const Stamp stamp = ROTA_TRY(parse_date(request.headers));
    ROTA_CHECK(check_window(stamp.time, now));
    const std::string secret = ROTA_TRY(secret_for(request, secret_of, access_key_id));
    const std::string* amz_date = http::find(request.headers, "x-amz-date");
    const std::string* date = amz_date != nullptr ? amz_date : http::find(request.headers, "date");
    const std::string expected = to_base64(hmac_sha256(secret, trimmed(*date, kBlanks)));
    if (!equal_constant_time(expected, given)) {
        return wrong_signature();
    }
    return std::string{access_key_id};
}

bool has_query_signature(std::string_view target) {
    const auto question = target.find('?');
    if (question == std::string_view::npos) {
        return false;
    }
    const auto query = http::parse_query(target.substr(question + 1));
    return query && std::ranges::any_of(*query, [](const auto& pair) {
               return http::same_name(pair.first, "X-Amz-Signature") ||
                      http::same_name(pair.first, "X-Amz-Credential") ||
                      pair.first == "AWSAccessKeyId";
           });
}

Checked<std::string> verify_without_authorization(const http::Request& request,
                                                  const SecretLookup& secret_of, WallTime now,
                                                  const VerifyOptions& options) {
    const std::string* aws3 = http::find(request.headers, "x-amzn-authorization");
    if (aws3 != nullptr && aws3->starts_with("AWS3-HTTPS")) {
        if (options.allow_aws3) {
            return verify_aws3(request, *aws3, secret_of, now);
        }
        return missing_token(
            ": the AWS3-HTTPS scheme (boto 2) is accepted only by a server started with "
            "--allow-aws3");
    }
    if (has_query_signature(request.target)) {
        return missing_token(
            ": signatures in the query string are not supported, sign with the Authorization "
            "header");
    }
    return missing_token();
}

}  // namespace

std::expected<std::string, AuthError> verify(const http::Request& request,
                                             const SecretLookup& secret_of, WallTime now,
                                             const VerifyOptions& options) {
    const std::size_t given = count(request.headers, "authorization");
    if (given == 0) {
        return verify_without_authorization(request, secret_of, now, options);
    }
    if (given > 1) {
        return incomplete("There must be one Authorization header, not several.");
    }
    const std::string_view authorization =
        trimmed(*http::find(request.headers, "authorization"), kBlanks);
    const std::string_view scheme = authorization.substr(0, authorization.find_first_of(" \t,"));
    if (scheme != kAlgorithm) {
        return incomplete(fmt::format("Unsupported AWS 'algorithm': '{}', use '{}'.",
                                      scheme.substr(0, 40), kAlgorithm));
    }
    return verify_v4(request, authorization, secret_of, now, options);
}

}  // namespace rota::aws
