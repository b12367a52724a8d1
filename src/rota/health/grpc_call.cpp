#include "rota/health/grpc_call.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>
#include <sys/types.h>

#include "rota/base/error.h"
#include "rota/health/observation.h"

namespace rota::health {
namespace {

constexpr std::size_t kPrefix = 5;            // compressed or not, length in 4 octets
constexpr std::size_t kLongestAnswer = 1024;  // a response is 2 octets, unless it grows new fields
constexpr std::size_t kLongestField = 200;

struct FreeSession {
    void operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }
};

struct FreeCallbacks {
    void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
        nghttp2_session_callbacks_del(callbacks);
    }
};

void append_varint(std::string& out, std::size_t number) {
    constexpr std::size_t kMore = 0x80;
    for (; number >= kMore; number >>= 7U) {
        out += static_cast<char>((number & (kMore - 1)) | kMore);
    }
    out += static_cast<char>(number);
}

/// Protocol Buffers' wire format, as much as it takes to find one field among others.
class Fields {
public:
    explicit Fields(std::string_view octets) : rest_{octets} {}

    [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }

    std::optional<std::uint64_t> read_varint() {
        std::uint64_t number = 0;
        constexpr unsigned kBits = 64;
        for (unsigned shift = 0; shift < kBits && !rest_.empty(); shift += 7) {
            const auto octet = static_cast<unsigned char>(rest_.front());
            rest_.remove_prefix(1);
            number |= static_cast<std::uint64_t>(octet & 0x7FU) << shift;
            if (octet < 0x80U) {
                return number;
            }
        }
        return std::nullopt;
    }

    bool skip(std::size_t count) {
        if (count > rest_.size()) {
            return false;
        }
        rest_.remove_prefix(count);
        return true;
    }

    /// Skips the value of a field; groups are none of proto3's.
    bool skip_value(std::uint64_t wire_type) {
        switch (wire_type) {
            case 0:
                return read_varint().has_value();
            case 1:
                return skip(8);
            case 2: {
                const auto length = read_varint();
                return length && skip(*length);
            }
            case 5:
                return skip(4);
            default:
                return false;
        }
    }

private:
    std::string_view rest_;
};

std::string_view name_of(ServingStatus status) {
    constexpr std::array<std::string_view, 4> kNames{"UNKNOWN", "SERVING", "NOT_SERVING",
                                                     "SERVICE_UNKNOWN"};
    const auto index = static_cast<std::size_t>(status);
    return index < kNames.size() ? kNames[index] : "in a state that rota does not know";
}

/// gRPC's name for the codes that a health service answers with.
std::string_view hint_for(std::string_view grpc_status) {
    if (grpc_status == "5") {
        return " (NOT_FOUND: it does not know the service)";
    }
    if (grpc_status == "12") {
        return " (UNIMPLEMENTED: it has no grpc.health.v1.Health)";
    }
    if (grpc_status == "14") {
        return " (UNAVAILABLE)";
    }
    return {};
}

nghttp2_nv field(std::string_view name, std::string_view value) {
    const auto octets = [](std::string_view text) {
        // nghttp2 copies them without NO_COPY flags; its interface is older than const.
        return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    return {octets(name), octets(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

std::string encode_health_request(std::string_view service) {
    std::string message;
    if (!service.empty()) {
        message += '\x0a';  // field 1, with a length
        append_varint(message, service.size());
        message += service;
    }
    std::string out(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) {
        out += static_cast<char>((message.size() >> static_cast<unsigned>(shift)) & 0xFFU);
    }
    return out + message;
}

Result<ServingStatus> decode_health_response(std::string_view octets) {
    if (octets.size() < kPrefix) {
        return fail(ErrorKind::bad_input, "the answer has no message");
    }
    if (octets[0] != '\0') {
        return fail(ErrorKind::bad_input, "the answer is compressed, which was not offered");
    }
    std::size_t length = 0;
    for (std::size_t i = 1; i < kPrefix; ++i) {
        length = (length << 8U) | static_cast<unsigned char>(octets[i]);
    }
    if (length != octets.size() - kPrefix) {
        return fail(ErrorKind::bad_input, "the answer is not exactly one message");
    }
    const auto broken = [] {
        return fail(ErrorKind::bad_input, "the answer is no HealthCheckResponse");
    };
    Fields fields{octets.substr(kPrefix)};
    auto status = ServingStatus::unknown;  // proto3 leaves a zero out
    while (!fields.is_empty()) {
        const auto key = fields.read_varint();
        constexpr std::uint64_t kStatusKey = 0x08;  // field 1, a number
        if (key && *key == kStatusKey) {
            const auto number = fields.read_varint();
            if (!number) {
                return broken();
            }
            status = static_cast<ServingStatus>(*number);  // cut to 32 bits, as proto3 says
        } else if (!key || (*key >> 3U) == 0 || !fields.skip_value(*key & 7U)) {
            return broken();
        }
    }
    return status;
}

struct GrpcCall::Impl {
    std::unique_ptr<nghttp2_session, FreeSession> session;
    std::string output;
    std::string request;
    std::size_t sent = 0;
    std::string answer;
    std::string http_status;
    std::string grpc_status;
    std::string grpc_message;
    std::int32_t stream = -1;
    bool says_too_much = false;
    bool is_closed = false;
    std::uint32_t close_code = 0;

    void open(const Question& question);
    void write();
    void note_field(std::string_view name, std::string_view value);

    static Impl& of(void* user) { return *static_cast<Impl*>(user); }

    static int on_header(nghttp2_session* session, const nghttp2_frame* frame,
                         const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                         std::size_t value_size, std::uint8_t flags, void* user);
    static int on_data(nghttp2_session* session, std::uint8_t flags, std::int32_t stream,
                       const std::uint8_t* octets, std::size_t size, void* user);
    static int on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t code,
                        void* user);
    static ssize_t on_read(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer,
                           std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                           void* user);
};

int GrpcCall::Impl::on_header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/,
                              const std::uint8_t* name, std::size_t name_size,
                              const std::uint8_t* value, std::size_t value_size,
                              std::uint8_t /*flags*/, void* user) {
    of(user).note_field({reinterpret_cast<const char*>(name), name_size},
                        {reinterpret_cast<const char*>(value), value_size});
    return 0;
}

int GrpcCall::Impl::on_data(nghttp2_session* /*session*/, std::uint8_t /*flags*/,
                            std::int32_t /*stream*/, const std::uint8_t* octets, std::size_t size,
                            void* user) {
    Impl& self = of(user);
    if (self.answer.size() + size > kLongestAnswer) {
        self.says_too_much = true;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    self.answer.append(reinterpret_cast<const char*>(octets), size);
    return 0;
}

int GrpcCall::Impl::on_close(nghttp2_session* /*session*/, std::int32_t stream, std::uint32_t code,
                             void* user) {
    Impl& self = of(user);
    if (stream == self.stream) {
        self.is_closed = true;
        self.close_code = code;
    }
    return 0;
}

ssize_t GrpcCall::Impl::on_read(nghttp2_session* /*session*/, std::int32_t /*stream*/,
                                std::uint8_t* buffer, std::size_t size, std::uint32_t* flags,
                                nghttp2_data_source* /*source*/, void* user) {
    Impl& self = of(user);
    const std::size_t count = std::min(size, self.request.size() - self.sent);
    std::copy_n(self.request.data() + self.sent, count, buffer);
    self.sent += count;
    if (self.sent == self.request.size()) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return static_cast<ssize_t>(count);
}

void GrpcCall::Impl::note_field(std::string_view name, std::string_view value) {
    value = value.substr(0, kLongestField);
    if (name == ":status") {
        http_status = value;
    } else if (name == "grpc-status") {
        grpc_status = value;
    } else if (name == "grpc-message") {
        grpc_message = value;
    }
}

void GrpcCall::Impl::open(const Question& question) {
    nghttp2_session_callbacks* made = nullptr;
    ROTA_ASSERT(nghttp2_session_callbacks_new(&made) == 0);
    const std::unique_ptr<nghttp2_session_callbacks, FreeCallbacks> callbacks{made};
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_close);
    nghttp2_session* opened = nullptr;
    ROTA_ASSERT(nghttp2_session_client_new(&opened, made, this) == 0);
    session.reset(opened);

    const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                              nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384}};
    ROTA_ASSERT(
        nghttp2_submit_settings(opened, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
    request = encode_health_request(question.service);
    const std::string patience = fmt::format("{}m", question.timeout.count());
    const std::array fields{
        field(":method", "POST"),
        field(":scheme", question.tls ? "https" : "http"),
        field(":path", "/grpc.health.v1.Health/Check"),
        field(":authority", question.authority),
        field("te", "trailers"),
        field("content-type", "application/grpc"),
        field("user-agent", "rota/" ROTA_VERSION " (health check)"),
        field("grpc-timeout", patience),
    };
    const nghttp2_data_provider provider{.source = {}, .read_callback = on_read};
    stream =
        nghttp2_submit_request(opened, nullptr, fields.data(), fields.size(), &provider, nullptr);
    ROTA_ASSERT(stream > 0);
}

/// Moves what the library wants to send to `output`.
void GrpcCall::Impl::write() {
    while (true) {
        const std::uint8_t* octets = nullptr;
        const auto size = nghttp2_session_mem_send(session.get(), &octets);
        if (size <= 0) {
            return;
        }
        output.append(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(size));
    }
}

GrpcCall::GrpcCall(const Question& question) : impl_{std::make_unique<Impl>()} {
    impl_->open(question);
    impl_->write();
}

GrpcCall::~GrpcCall() = default;

std::string GrpcCall::take_output() {
    return std::exchange(impl_->output, {});
}

Status GrpcCall::feed(std::string_view octets) {
    const auto taken = nghttp2_session_mem_recv(
        impl_->session.get(), reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size());
    if (impl_->says_too_much) {
        return fail(ErrorKind::bad_input,
                    fmt::format("its answer is longer than {} octets", kLongestAnswer));
    }
    if (taken < 0) {
        return fail(ErrorKind::bad_input, fmt::format("it does not speak HTTP/2: {}",
                                                      nghttp2_strerror(static_cast<int>(taken))));
    }
    impl_->write();
    // With its goodbye written, the library reads no further: the other side broke the protocol.
    if (nghttp2_session_want_read(impl_->session.get()) == 0 && !impl_->is_closed) {
        return fail(ErrorKind::bad_input, "it does not speak HTTP/2 as it must");
    }
    return {};
}

bool GrpcCall::is_done() const noexcept {
    return impl_->is_closed;
}

Observation GrpcCall::conclude(std::string_view what) const {
    const Impl& call = *impl_;
    if (call.close_code != NGHTTP2_NO_ERROR && call.grpc_status.empty()) {
        return {.detail = fmt::format("{} refuses the call: HTTP/2 {}", what,
                                      nghttp2_http2_strerror(call.close_code))};
    }
    if (call.http_status != "200") {
        return {.detail = fmt::format("{} answers HTTP status {}, not as gRPC does", what,
                                      call.http_status)};
    }
    if (call.grpc_status != "0") {
        return {.detail =
                    call.grpc_status.empty()
                        ? fmt::format("{} answers without a gRPC status", what)
                        : fmt::format("{} answers gRPC status {}{}{}{}", what, call.grpc_status,
                                      hint_for(call.grpc_status),
                                      call.grpc_message.empty() ? "" : ": ", call.grpc_message)};
    }
    const auto status = decode_health_response(call.answer);
    if (!status) {
        return {.detail = fmt::format("{}: {}", what, status.error().message)};
    }
    return {.outcome = *status == ServingStatus::serving ? Outcome::passed : Outcome::failed,
            .detail = fmt::format("{} is {}", what, name_of(*status))};
}

}  // namespace rota::health
