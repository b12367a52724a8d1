#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"

namespace rota::aws {

class Imds;

/// Everything the AWS environment variables and the shared files (~/.aws/config,
/// ~/.aws/credentials) say, read once. Order and names as in botocore and AWS SDKs and Tools
/// Reference Guide.
struct Environment {
    std::string profile{"default"};  ///< AWS_PROFILE, "default"
    std::string region;        ///< AWS_REGION, AWS_DEFAULT_REGION, the profile's; may be empty
    std::string endpoint_url;  ///< AWS_ENDPOINT_URL_ROUTE_53, AWS_ENDPOINT_URL, the profile's;
                               ///< may be empty
    std::string auto_scaling_endpoint_url;     ///< the same by AWS_ENDPOINT_URL_AUTO_SCALING
    std::string ec2_endpoint_url;              ///< the same by AWS_ENDPOINT_URL_EC2
    std::string imds_endpoint;                 ///< AWS_EC2_METADATA_SERVICE_ENDPOINT, or by _MODE;
                                               ///< http://169.254.169.254
    bool imds_disabled = false;                ///< AWS_EC2_METADATA_DISABLED=true
    std::string container_credentials_uri;     ///< AWS_CONTAINER_CREDENTIALS_FULL_URI, or the
                                               ///< relative one made absolute
    std::string container_authorization;       ///< AWS_CONTAINER_AUTHORIZATION_TOKEN
    std::string container_authorization_file;  ///< AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, read
                                               ///< anew for each request
    std::optional<Credentials> static_credentials;  ///< environment, then the profile
    /// Why the profile's way to credentials (a role, SSO, a process) cannot be gone; empty when it
    /// asks for none.
    std::string unsupported_credentials;
    std::string credentials_file;  ///< where it was looked for; empty without a home directory
    std::string config_file;
};

/// Where variables come from; a test gives its own.
using Variables = std::function<std::optional<std::string>(const char* name)>;

/// Whether a region has the form of one and is of a partition whose endpoint is known; with an
/// endpoint of its own any partition will do. An empty one is left out. @errors config: names it.
Status check_region(std::string_view region, std::string_view endpoint_url);

/// @errors config: names the variable, or the file, line and profile.
Result<Environment> read_environment();
Result<Environment> read_environment(const Variables& variables);

/// Finds credentials (environment, shared files, container, instance role) and renews those that
/// expire: from 15 minutes ahead on, keeping the old ones while they are valid. Thread-safe.
class CredentialProvider {
public:
    CredentialProvider(Environment environment, std::shared_ptr<Imds> imds);
    ~CredentialProvider();
    CredentialProvider(const CredentialProvider&) = delete;
    CredentialProvider& operator=(const CredentialProvider&) = delete;
    CredentialProvider(CredentialProvider&&) = delete;
    CredentialProvider& operator=(CredentialProvider&&) = delete;

    /// @errors permission: says which places were looked at, in order. Retryable when a metadata
    /// service did not answer.
    Result<Credentials> get(WallTime now);

    /// Forgets cached credentials, after the server refused them (ExpiredToken).
    void forget();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::aws
