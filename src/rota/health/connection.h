#pragma once

#include <memory>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/http/stream.h"

namespace rota::health {

/// Connects to the check's host and port; with TLS where it says so, taking any certificate from a
/// server that chooses HTTP/2.
Result<std::unique_ptr<http::Stream>> connect(const Check& check, BootTime deadline);

}  // namespace rota::health
