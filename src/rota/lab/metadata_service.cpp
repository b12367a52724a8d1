#include "rota/lab/metadata_service.h"

#include <cstddef>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/guarded.h"
#include "rota/base/print.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/lab/metadata.h"

namespace rota::lab {
namespace {

/// "set meta-data/autoscaling/target-lifecycle-state Terminated"
void obey(std::string_view line, Metadata& metadata) {
    constexpr std::string_view kSet = "set ";
    const std::size_t space = line.find(' ', kSet.size());
    if (!line.starts_with(kSet) || space == std::string_view::npos) {
        put(stderr, "rota lab-metadata: '{}' is neither \"set PATH VALUE\" nor \"serve\"\n", line);
        return;
    }
    metadata.set(std::string{line.substr(kSet.size(), space - kSet.size())},
                 std::string{line.substr(space + 1)});
}

}  // namespace

Status run_metadata(const MetadataOptions& options) {
    Guarded<Metadata> metadata{Metadata{options.facts}};
    std::vector<Fd> listeners;
    listeners.push_back(ROTA_TRY(http::listen_tcp(options.listen)));
    http::Server server{
        std::move(listeners), http::ServerLimits{},
        [&](const http::Request& request, const http::Peer&) {
            return metadata.with(
                [&](Metadata& items) { return items.answer(request, boot_now()); });
        },
        [](int status) { return http::Response{.status = status, .headers = {}, .body = {}}; }, 1};
    bool is_serving = false;
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "serve" && !is_serving) {
            is_serving = true;
            server.start();
            put(stdout, "ready\n");
            flush(stdout);
        } else {
            metadata.with([&](Metadata& items) { obey(line, items); });
        }
    }
    server.stop();
    return {};
}

}  // namespace rota::lab
