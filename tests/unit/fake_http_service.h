#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rota/base/guarded.h"
#include "rota/http/server.h"

namespace rota {

/// A real HTTP server on a free port that answers what the test says and remembers the requests.
class FakeHttpService {
public:
    using Answer = std::function<http::Response(const http::Request&)>;

    explicit FakeHttpService(Answer answer) : answer_{std::move(answer)} {
        std::vector<Fd> listeners;
        listeners.push_back(http::listen_tcp("127.0.0.1:0").value());
        port_ = http::local_port(listeners.back());
        server_ = std::make_unique<http::Server>(
            std::move(listeners), http::ServerLimits{},
            [this](const http::Request& request, const http::Peer&) {
                requests_.with([&](auto& all) { all.push_back(request); });
                return answer_(request);
            },
            [](int status) { return http::Response{.status = status}; }, 1);
        server_->start();
    }

    FakeHttpService(const FakeHttpService&) = delete;
    FakeHttpService& operator=(const FakeHttpService&) = delete;
    ~FakeHttpService() = default;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    /// "PUT /latest/api/token" and so on, in order of arrival.
    [[nodiscard]] std::vector<std::string> lines() const {
        return requests_.with([](const auto& all) {
            std::vector<std::string> out;
            for (const auto& request : all) {
                out.push_back(request.method + " " + request.target);
            }
            return out;
        });
    }

    [[nodiscard]] std::vector<http::Request> requests() const {
        return requests_.with([](const auto& all) { return all; });
    }

private:
    Answer answer_;
    Guarded<std::vector<http::Request>> requests_;
    std::uint16_t port_ = 0;
    std::unique_ptr<http::Server> server_;
};

}  // namespace rota
