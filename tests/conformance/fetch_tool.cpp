// Fetches URLs one after the other with the HTTP client for tests/conformance:
//   fetch_tool TIMEOUT_MS BODY_OCTETS URL…
// The environment says what the client reads there (AWS_CA_BUNDLE, HTTPS_PROXY, …). A line an
// answer: "200 BODY", or "error KIND MESSAGE".
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>

#include "rota/http/client.h"
#include "rota/http/url.h"

int main(int argc, char** argv) {
    const std::span arguments{argv, static_cast<std::size_t>(argc)};
    rota::http::ClientOptions options = rota::http::client_options_from_environment();
    options.total_timeout = std::chrono::milliseconds{std::atoi(arguments[1])};
    options.connect_timeout = options.total_timeout;
    rota::http::Client client{options};
    for (const char* text : arguments.subspan(3)) {
        const auto url = rota::http::parse_url(text);
        if (!url) {
            std::cout << "error " << rota::to_string(url.error().kind) << ' ' << url.error().message
                      << std::endl;
            continue;
        }
        rota::http::Request request{.target = url->path};
        if (const auto size = static_cast<std::size_t>(std::atol(arguments[2])); size > 0) {
            request.method = "POST";
            request.body.assign(size, 'b');
        }
        const auto answer = client.send(*url, request);
        if (answer) {
            std::cout << answer->status << ' ' << answer->body << std::endl;
        } else {
            std::cout << "error " << rota::to_string(answer.error().kind) << ' '
                      << answer.error().message << std::endl;
        }
    }
}
