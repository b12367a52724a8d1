#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rota/agent/classify.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::agent {
namespace {

route53::CallError refused(std::string code, std::vector<std::string> messages = {}) {
    route53::CallError error{.error = {ErrorKind::conflict, code, false}, .api = {}};
    error.api = route53::ApiError{.status = 400,
                                  .code = std::move(code),
                                  .message = {},
                                  .messages = std::move(messages),
                                  .request_id = {}};
    return error;
}

TEST(Classify, knows_a_lost_answer_from_a_refusal) {
    route53::CallError lost{.error = {ErrorKind::timeout, "no answer", true}, .api = {}};
    lost.outcome_unknown = true;
    EXPECT_EQ(classify(lost).kind, FailureKind::no_answer);
    const route53::CallError unsent{.error = {ErrorKind::unavailable, "refused", true}, .api = {}};
    EXPECT_EQ(classify(unsent).kind, FailureKind::other);
    EXPECT_EQ(classify(refused("NoSuchChange")).kind, FailureKind::no_such_change);
}

TEST(Classify, reads_an_invalid_change_batch_by_route_53s_words) {
    const auto kind = [](const char* message) {
        return classify(refused("InvalidChangeBatch", {message})).kind;
    };
    EXPECT_EQ(kind("Tried to delete resource record set [name='x.', type='A', "
                   "set-identifier='i'] but it was not found"),
              FailureKind::not_matching);
    EXPECT_EQ(kind("Tried to delete resource record set [name='x.', type='A'] but the values "
                   "provided do not match the current values"),
              FailureKind::not_matching);
    EXPECT_EQ(kind("RRSet with DNS name x., type A, SetIdentifier i cannot be created as a "
                   "non-weighted set exists with the same name and type."),
              FailureKind::other_policy);
    EXPECT_EQ(kind("RRSet of type A with DNS name x. is not permitted because a conflicting RRSet "
                   "of type  CNAME with the same DNS name already exists in zone z."),
              FailureKind::other_policy);
    EXPECT_EQ(kind("RRSet with DNS name x. is not permitted in zone z."), FailureKind::other);
    EXPECT_EQ(classify(refused("InvalidChangeBatch",
                               {"RRSet with DNS name x. is not permitted in zone z."}))
                  .error.kind,
              ErrorKind::bad_input);
}

TEST(Classify, gives_the_quota_of_members_a_message_of_its_own) {
    const Failure failure = classify(
        refused("InvalidChangeBatch",
                {"Exceeded limit on number of weighted RRSets for x., type A in this zone."}));
    EXPECT_EQ(failure.kind, FailureKind::too_many_members);
    EXPECT_NE(failure.error.message.find("the rota is full"), std::string::npos);
    EXPECT_FALSE(failure.error.retryable);
}

}  // namespace
}  // namespace rota::agent
