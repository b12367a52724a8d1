#pragma once

#include <string>

#include "rota/base/error.h"
#include "rota/lab/metadata.h"

namespace rota::lab {

struct MetadataOptions {
    std::string listen;  ///< "127.77.1.11:1338"
    InstanceFacts facts;
};

/// The lab's stand-in for 169.254.169.254, the `rota lab-metadata` process of one instance. On
/// standard input it takes "set PATH VALUE" and, once, "serve": from then on it answers, and says
/// "ready" on standard output. The end of the input or SIGTERM ends it.
Status run_metadata(const MetadataOptions& options);

}  // namespace rota::lab
