#include "rota/agent/classify.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::agent {
namespace {

bool contains(const route53::ApiError& api, std::string_view words) {
    const auto says = [words](const std::string& text) {
        return text.find(words) != std::string::npos;
    };
    return says(api.message) || std::ranges::any_of(api.messages, says);
}

/// Of an InvalidChangeBatch, by Route 53's words.
FailureKind kind_of(const route53::ApiError& api) {
    if (contains(api, "Exceeded limit on number of weighted RRSets")) {
        return FailureKind::too_many_members;
    }
    if (contains(api, "but it was not found") || contains(api, "do not match the current values")) {
        return FailureKind::not_matching;
    }
    if (contains(api, "cannot be created as") || contains(api, "conflicting RRSet") ||
        contains(api, "conflicts with other records")) {
        return FailureKind::other_policy;
    }
    return FailureKind::other;
}

}  // namespace

Failure classify(const route53::CallError& error) {
    Failure failure{.kind = FailureKind::other, .error = error.error};
    if (error.outcome_unknown) {
        failure.kind = FailureKind::no_answer;
    }
    if (!error.api) {
        return failure;
    }
    if (says_too_few_members(error)) {
        failure.kind = FailureKind::too_few_members;
    } else if (error.api->code == "NoSuchChange") {
        failure.kind = FailureKind::no_such_change;
    } else if (error.api->code == "InvalidChangeBatch") {
        failure.kind = kind_of(*error.api);
        const bool is_misplaced = contains(*error.api, "is not permitted in zone");
        failure.error.kind = is_misplaced ? ErrorKind::bad_input : ErrorKind::conflict;
    }
    if (failure.kind == FailureKind::too_many_members) {
        failure.error.message =
            "the rota is full: Route 53 allows 100 weighted record sets a name and type; remove "
            "members that are gone (rota list shows them) or spread them over several names (" +
            failure.error.message + ")";
    } else if (failure.kind == FailureKind::other_policy) {
        failure.error.message =
            "the name is held by record sets of another kind: a rota needs weighted record sets "
            "alone; delete those, or join another name (" +
            failure.error.message + ")";
    }
    return failure;
}

}  // namespace rota::agent
