#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/health/observation.h"

// One call of grpc.health.v1.Health/Check over HTTP/2, without sockets: octets out, octets in.
namespace rota::health {

/// HealthCheckResponse.ServingStatus; others are kept as they came.
enum class ServingStatus : std::uint32_t {
    unknown = 0,
    serving = 1,
    not_serving = 2,
    service_unknown = 3,
};

/// The length-prefixed HealthCheckRequest.
std::string encode_health_request(std::string_view service);

/// Reads exactly one length-prefixed, uncompressed HealthCheckResponse.
/// @errors bad_input: says what is wrong.
Result<ServingStatus> decode_health_response(std::string_view octets);

class GrpcCall {
public:
    struct Question {
        std::string authority;  ///< "127.0.0.1:50051"
        std::string service;    ///< empty: the whole server
        bool tls = false;
        std::chrono::milliseconds timeout{5000};  ///< told to the server
    };

    explicit GrpcCall(const Question& question);
    ~GrpcCall();
    GrpcCall(const GrpcCall&) = delete;
    GrpcCall& operator=(const GrpcCall&) = delete;
    GrpcCall(GrpcCall&&) = delete;
    GrpcCall& operator=(GrpcCall&&) = delete;

    /// What is to be sent now; empty when there is nothing.
    std::string take_output();

    /// Takes in what the server sent. @errors bad_input: it does not speak HTTP/2 as it must, or
    /// says too much.
    Status feed(std::string_view octets);

    [[nodiscard]] bool is_done() const noexcept;

    /// After is_done(): SERVING passes.
    /// @param what  whom we ask, for the detail.
    [[nodiscard]] Observation conclude(std::string_view what) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace rota::health
