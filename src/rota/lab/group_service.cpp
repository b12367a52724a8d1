#include "rota/lab/group_service.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/guarded.h"
#include "rota/base/print.h"
#include "rota/base/text.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/group.h"
#include "rota/lab/group_api.h"
#include "rota/lab/line_reader.h"

namespace rota::lab {
namespace {

/// How long a change may go untold.
constexpr std::chrono::milliseconds kStep{50};

Result<std::string> variable(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread yet
    if (value == nullptr || *value == '\0') {
        return fail(ErrorKind::usage, fmt::format("set {}: requests are signed by it", name));
    }
    return std::string{value};
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto word : std::views::split(line, ' ')) {
        words.emplace_back(word.begin(), word.end());
    }
    return words;
}

/// "launch i-0123456789abcdef0 127.77.1.11". @errors what the group refuses, or usage.
Status obey(std::string_view line, Group& group, WallTime now) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() == 3 && words[0] == "launch") {
        return group.launch(std::string{words[1]}, std::string{words[2]}, now);
    }
    if (words.size() == 2 && words[0] == "terminate") {
        return group.terminate(words[1], now);
    }
    if (words.size() == 2 && words[0] == "gone") {
        return group.gone(words[1]);
    }
    if (const auto desired = words.size() == 2 && words[0] == "desired"
                                 ? parse_number<unsigned>(words[1])
                                 : std::nullopt) {
        group.set_desired(*desired);
        return {};
    }
    return fail(
        ErrorKind::usage,
        fmt::format("'{}' is none of: launch ID ADDRESS, terminate ID, gone ID, desired N", line));
}

void tell_changes(Group& group) {
    for (const Group::Change& change : group.take_changes()) {
        put(stdout, "{} {}\n", change.id, to_string(change.state));
    }
    flush(stdout);
}

}  // namespace

Status run_group(const GroupOptions& options) {
    const aws::Credentials keys{.access_key_id = ROTA_TRY(variable("AWS_ACCESS_KEY_ID")),
                                .secret_access_key = ROTA_TRY(variable("AWS_SECRET_ACCESS_KEY")),
                                .session_token = {},
                                .expires = {}};
    Guarded<Group> group{Group{options.group, wall_now()}};
    std::vector<Fd> listeners;
    listeners.push_back(ROTA_TRY(http::listen_tcp(options.listen)));
    http::Server server{
        std::move(listeners), http::ServerLimits{},
        [&](const http::Request& request, const http::Peer&) {
            return group.with(
                [&](Group& state) { return answer_query(state, keys, request, wall_now()); });
        },
        [](int status) { return http::Response{.status = status, .headers = {}, .body = {}}; }, 1};
    const auto loop = ROTA_TRY(EventLoop::create());
    LineReader commands{STDIN_FILENO};
    ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    const auto take = [&](std::string_view line) {
        if (const Status obeyed =
                group.with([&](Group& state) { return obey(line, state, wall_now()); });
            !obeyed) {
            put(stderr, "rota lab-group: {}\n", obeyed.error().message);
        }
    };
    loop->watch(STDIN_FILENO, EventLoop::kReadable, [&](std::uint32_t) {
        const bool is_open = commands.read(take);
        group.with(tell_changes);
        if (!is_open) {
            loop->stop();
        }
    });
    repeat(*loop, kStep, [&](BootTime) {
        group.with([](Group& state) {
            state.expire(wall_now());
            tell_changes(state);
        });
    });
    server.start();
    put(stdout, "ready\n");
    flush(stdout);
    const Status ran = loop->run();
    server.stop();
    return ran;
}

}  // namespace rota::lab
