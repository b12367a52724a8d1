#include "rota/aws/ec2.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <expected>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <pugixml.hpp>

#include "rota/aws/credentials.h"
#include "rota/aws/query.h"
#include "rota/aws/query_xml.h"
#include "rota/aws/xml.h"
#include "rota/base/error.h"
#include "rota/base/time_format.h"
#include "rota/http/client.h"
#include "rota/http/url.h"

namespace rota::aws {
namespace {

constexpr std::array<std::pair<std::string_view, InstanceState>, 6> kStates{
    {{"pending", InstanceState::pending},
     {"running", InstanceState::running},
     {"shutting-down", InstanceState::shutting_down},
     {"terminated", InstanceState::terminated},
     {"stopping", InstanceState::stopping},
     {"stopped", InstanceState::stopped}}};

InstanceState state_of(std::string_view word) {
    for (const auto& [name, state] : kStates) {
        if (name == word) {
            return state;
        }
    }
    return InstanceState::other;
}

void add_once(std::vector<std::string>& addresses, std::string address) {
    if (!address.empty() && std::ranges::find(addresses, address) == addresses.end()) {
        addresses.push_back(std::move(address));
    }
}

/// The primary one first, then those of all interfaces.
std::vector<std::string> ipv6_of(const pugi::xml_node& instance) {
    std::vector<std::string> addresses;
    add_once(addresses, optional_text(instance, "ipv6Address"));
    const pugi::xml_node interfaces = xml::child(instance, "networkInterfaceSet");
    for (pugi::xml_node each = xml::first_element(interfaces); each;
         each = xml::next_element(each)) {
        const pugi::xml_node list = xml::child(each, "ipv6AddressesSet");
        for (pugi::xml_node node = xml::first_element(list); node; node = xml::next_element(node)) {
            add_once(addresses, optional_text(node, "ipv6Address"));
        }
    }
    return addresses;
}

Result<Ec2Instance> read_instance(const pugi::xml_node& element) {
    Ec2Instance instance;
    instance.instance_id = ROTA_TRY(required_text(element, "instanceId"));
    instance.state_word = ROTA_TRY(required_text(xml::child(element, "instanceState"), "name"));
    instance.state = state_of(instance.state_word);
    instance.public_ipv4 = optional_text(element, "ipAddress");
    instance.private_ipv4 = optional_text(element, "privateIpAddress");
    instance.ipv6 = ipv6_of(element);
    instance.launched = parse_rfc3339(optional_text(element, "launchTime"));
    return instance;
}

}  // namespace

Result<Page<Ec2Instance>> decode_instances(std::string_view body) {
    pugi::xml_document document;
    const pugi::xml_node root = ROTA_TRY(open_answer(document, body, "DescribeInstancesResponse"));
    const pugi::xml_node reservations = xml::child(root, "reservationSet");
    if (!reservations) {
        return fail(ErrorKind::bad_input, "the answer has no reservationSet");
    }
    Page<Ec2Instance> page;
    for (pugi::xml_node each = xml::first_element(reservations); each;
         each = xml::next_element(each)) {
        const pugi::xml_node list = xml::child(each, "instancesSet");
        for (pugi::xml_node node = xml::first_element(list); node; node = xml::next_element(node)) {
            page.items.push_back(ROTA_TRY(read_instance(node)));
        }
    }
    page.next_token = optional_text(root, "nextToken");
    return page;
}

Ec2::Ec2(QueryEndpoint endpoint, std::shared_ptr<CredentialProvider> credentials,
         http::ClientOptions options)
    : client_{kEc2, std::move(endpoint), std::move(credentials), std::move(options)} {}

QueryResult<Page<Ec2Instance>> Ec2::describe_instances(std::span<const std::string> ids,
                                                       std::string_view token) {
    ROTA_ASSERT(ids.size() <= kMostFilterValues);
    http::QueryParameters parameters;
    if (!ids.empty()) {
        parameters.emplace_back("Filter.1.Name", "instance-id");
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        parameters.emplace_back(fmt::format("Filter.1.Value.{}", i + 1), ids[i]);
    }
    parameters.emplace_back("MaxResults", "1000");
    parameters.emplace_back("NextToken", std::string{token});
    return client_.call({"DescribeInstances", ""}, parameters, decode_instances);
}

QueryResult<std::vector<Ec2Instance>> Ec2::describe_all_instances(
    std::span<const std::string> ids) {
    std::vector<Ec2Instance> instances;
    while (!ids.empty()) {
        const auto some = ids.first(std::min(ids.size(), kMostFilterValues));
        auto found = all_pages<Ec2Instance>(
            [&](std::string_view token) { return describe_instances(some, token); });
        if (!found) {
            return found;
        }
        instances.insert(instances.end(), std::move_iterator{found->begin()},
                         std::move_iterator{found->end()});
        ids = ids.subspan(some.size());
    }
    return instances;
}

}  // namespace rota::aws
