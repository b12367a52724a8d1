#include "rota/api/routes.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/http/url.h"
#include "rota/route53/messages.h"

namespace rota::api {
namespace {

struct Route {
    std::string_view method;
    std::string_view path;  ///< below /2013-04-01/; {} is one segment
    std::string_view name;
    Operation operation;
};

/// Every operation of the API version, so that those not built yet can be named. Patterns with
/// fewer variables come first: of two that fit, the first wins.
/// @source Route 53 API Reference 2013-04-01, "Actions".
constexpr std::array kRoutes{
    Route{"POST", "hostedzone", "CreateHostedZone", Operation::create_hosted_zone},
    Route{"GET", "hostedzonecount", "GetHostedZoneCount", Operation::get_hosted_zone_count},
    Route{"GET", "hostedzone", "ListHostedZones", Operation::list_hosted_zones},
    Route{"GET", "hostedzonesbyname", "ListHostedZonesByName",
          Operation::list_hosted_zones_by_name},
    Route{"POST", "cidrcollection", "CreateCidrCollection", Operation::unsupported},
    Route{"POST", "healthcheck", "CreateHealthCheck", Operation::unsupported},
    Route{"POST", "keysigningkey", "CreateKeySigningKey", Operation::unsupported},
    Route{"POST", "queryloggingconfig", "CreateQueryLoggingConfig", Operation::unsupported},
    Route{"POST", "delegationset", "CreateReusableDelegationSet", Operation::unsupported},
    Route{"POST", "trafficpolicy", "CreateTrafficPolicy", Operation::unsupported},
    Route{"POST", "trafficpolicyinstance", "CreateTrafficPolicyInstance", Operation::unsupported},
    Route{"GET", "checkeripranges", "GetCheckerIpRanges", Operation::unsupported},
    Route{"GET", "geolocation", "GetGeoLocation", Operation::unsupported},
    Route{"GET", "healthcheckcount", "GetHealthCheckCount", Operation::unsupported},
    Route{"GET", "trafficpolicyinstancecount", "GetTrafficPolicyInstanceCount",
          Operation::unsupported},
    Route{"GET", "cidrcollection", "ListCidrCollections", Operation::unsupported},
    Route{"GET", "geolocations", "ListGeoLocations", Operation::unsupported},
    Route{"GET", "healthcheck", "ListHealthChecks", Operation::unsupported},
    Route{"GET", "hostedzonesbyvpc", "ListHostedZonesByVPC", Operation::unsupported},
    Route{"GET", "queryloggingconfig", "ListQueryLoggingConfigs", Operation::unsupported},
    Route{"GET", "delegationset", "ListReusableDelegationSets", Operation::unsupported},
    Route{"GET", "trafficpolicies", "ListTrafficPolicies", Operation::unsupported},
    Route{"GET", "trafficpolicyinstances", "ListTrafficPolicyInstances", Operation::unsupported},
    Route{"GET", "trafficpolicyinstances/hostedzone", "ListTrafficPolicyInstancesByHostedZone",
          Operation::unsupported},
    Route{"GET", "trafficpolicyinstances/trafficpolicy", "ListTrafficPolicyInstancesByPolicy",
          Operation::unsupported},
    Route{"GET", "testdnsanswer", "TestDNSAnswer", Operation::unsupported},
    Route{"POST", "hostedzone/{}/rrset", "ChangeResourceRecordSets", Operation::change_record_sets},
    Route{"DELETE", "hostedzone/{}", "DeleteHostedZone", Operation::delete_hosted_zone},
    Route{"GET", "change/{}", "GetChange", Operation::get_change},
    Route{"GET", "hostedzone/{}", "GetHostedZone", Operation::get_hosted_zone},
    Route{"GET", "hostedzone/{}/rrset", "ListResourceRecordSets", Operation::list_record_sets},
    Route{"POST", "hostedzone/{}/associatevpc", "AssociateVPCWithHostedZone",
          Operation::unsupported},
    Route{"POST", "cidrcollection/{}", "ChangeCidrCollection", Operation::unsupported},
    Route{"POST", "trafficpolicy/{}", "CreateTrafficPolicyVersion", Operation::unsupported},
    Route{"POST", "hostedzone/{}/authorizevpcassociation", "CreateVPCAssociationAuthorization",
          Operation::unsupported},
    Route{"DELETE", "cidrcollection/{}", "DeleteCidrCollection", Operation::unsupported},
    Route{"DELETE", "healthcheck/{}", "DeleteHealthCheck", Operation::unsupported},
    Route{"DELETE", "queryloggingconfig/{}", "DeleteQueryLoggingConfig", Operation::unsupported},
    Route{"DELETE", "delegationset/{}", "DeleteReusableDelegationSet", Operation::unsupported},
    Route{"DELETE", "trafficpolicyinstance/{}", "DeleteTrafficPolicyInstance",
          Operation::unsupported},
    Route{"POST", "hostedzone/{}/deauthorizevpcassociation", "DeleteVPCAssociationAuthorization",
          Operation::unsupported},
    Route{"POST", "hostedzone/{}/disable-dnssec", "DisableHostedZoneDNSSEC",
          Operation::unsupported},
    Route{"POST", "hostedzone/{}/disassociatevpc", "DisassociateVPCFromHostedZone",
          Operation::unsupported},
    Route{"POST", "hostedzone/{}/enable-dnssec", "EnableHostedZoneDNSSEC", Operation::unsupported},
    Route{"GET", "accountlimit/{}", "GetAccountLimit", Operation::unsupported},
    Route{"GET", "hostedzone/{}/dnssec", "GetDNSSEC", Operation::unsupported},
    Route{"GET", "healthcheck/{}", "GetHealthCheck", Operation::unsupported},
    Route{"GET", "healthcheck/{}/lastfailurereason", "GetHealthCheckLastFailureReason",
          Operation::unsupported},
    Route{"GET", "healthcheck/{}/status", "GetHealthCheckStatus", Operation::unsupported},
    Route{"GET", "queryloggingconfig/{}", "GetQueryLoggingConfig", Operation::unsupported},
    Route{"GET", "delegationset/{}", "GetReusableDelegationSet", Operation::unsupported},
    Route{"GET", "trafficpolicyinstance/{}", "GetTrafficPolicyInstance", Operation::unsupported},
    Route{"GET", "cidrcollection/{}/cidrblocks", "ListCidrBlocks", Operation::unsupported},
    Route{"GET", "cidrcollection/{}", "ListCidrLocations", Operation::unsupported},
    Route{"POST", "tags/{}", "ListTagsForResources", Operation::unsupported},
    Route{"GET", "trafficpolicies/{}/versions", "ListTrafficPolicyVersions",
          Operation::unsupported},
    Route{"GET", "hostedzone/{}/authorizevpcassociation", "ListVPCAssociationAuthorizations",
          Operation::unsupported},
    Route{"POST", "healthcheck/{}", "UpdateHealthCheck", Operation::unsupported},
    Route{"POST", "hostedzone/{}", "UpdateHostedZoneComment", Operation::unsupported},
    Route{"POST", "trafficpolicyinstance/{}", "UpdateTrafficPolicyInstance",
          Operation::unsupported},
    Route{"POST", "keysigningkey/{}/{}/activate", "ActivateKeySigningKey", Operation::unsupported},
    Route{"POST", "tags/{}/{}", "ChangeTagsForResource", Operation::unsupported},
    Route{"POST", "keysigningkey/{}/{}/deactivate", "DeactivateKeySigningKey",
          Operation::unsupported},
    Route{"DELETE", "keysigningkey/{}/{}", "DeleteKeySigningKey", Operation::unsupported},
    Route{"DELETE", "trafficpolicy/{}/{}", "DeleteTrafficPolicy", Operation::unsupported},
    Route{"GET", "hostedzonelimit/{}/{}", "GetHostedZoneLimit", Operation::unsupported},
    Route{"GET", "reusabledelegationsetlimit/{}/{}", "GetReusableDelegationSetLimit",
          Operation::unsupported},
    Route{"GET", "trafficpolicy/{}/{}", "GetTrafficPolicy", Operation::unsupported},
    Route{"GET", "tags/{}/{}", "ListTagsForResource", Operation::unsupported},
    Route{"POST", "trafficpolicy/{}/{}", "UpdateTrafficPolicyComment", Operation::unsupported},
};

/// Splits at "/", drops empty segments (a slash at the end, or doubled) and decodes the rest.
/// @returns nothing for a broken escape.
std::optional<std::vector<std::string>> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        const auto slash = path.find('/');
        if (const std::string_view segment = path.substr(0, slash); !segment.empty()) {
            auto decoded = http::percent_decode(segment);
            if (!decoded) {
                return std::nullopt;
            }
            segments.push_back(std::move(*decoded));
        }
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    }
    return segments;
}

/// Whether the segments fit the pattern; fills `variables` when they do.
bool fits(std::string_view pattern, const std::vector<std::string>& segments,
          std::vector<std::string>& variables) {
    variables.clear();
    for (const std::string& segment : segments) {
        const auto slash = pattern.find('/');
        const std::string_view wanted = pattern.substr(0, slash);
        if (wanted == "{}") {
            variables.push_back(segment);
        } else if (wanted != segment) {
            return false;
        }
        pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
    }
    return pattern.empty();
}

}  // namespace

std::optional<Match> match(std::string_view method, std::string_view path) {
    if (!path.starts_with(route53::kPathPrefix)) {
        return std::nullopt;
    }
    auto segments = segments_of(path.substr(route53::kPathPrefix.size()));
    if (!segments) {
        return std::nullopt;
    }
    // An id with its prefix, as answers carry it: hostedzone/hostedzone/Z1.
    if (segments->size() > 2 && segments->at(0) == segments->at(1) &&
        (segments->front() == "hostedzone" || segments->front() == "change")) {
        segments->erase(segments->begin());
    }
    std::vector<std::string> variables;
    for (const Route& route : kRoutes) {
        if (route.method == method && fits(route.path, *segments, variables)) {
            return Match{route.operation, route.name, std::move(variables)};
        }
    }
    return std::nullopt;
}

}  // namespace rota::api
