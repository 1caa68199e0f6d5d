#include "api/kinds.h"

namespace hf::api {

const Kind& node_kind() {
    static const Kind kKind{
        "Node",
        "nodes",
        "node",
        {"no"},
        "A machine that runs services. The node itself writes it.",
        false,
        {object("status", "What the node says of itself.",
                {object("capacity", "What the machine has.",
                        {integer("cpus", "Hardware threads.").between(0, 1 << 20),
                         integer("memoryBytes", "Main memory.").between(0, std::int64_t{1} << 60),
                         integer("gpus", "GPUs.").between(0, 16),
                         text("gpuModel", "Their model, as in 'T4'."),
                         integer("priceMicros", "What the machine costs an hour, in millionths.")
                             .between(0, 1'000'000'000'000),
                         integer("wattsMax", "Its power under full load.").between(0, 1'000'000)}),
                 text("site", "The Site where it stands.").as(Format::kName),
                 text("architecture", "Machine architecture, as in 'x86_64'."),
                 text("version", "The version of Holdfast that runs there."),
                 list("instructionSets", "Instruction sets beyond the baseline, as in 'avx2'.",
                      text("", "An instruction set.")),
                 list("devices", "What models can be compiled for.", text("", "A device.")),
                 list("services", "What runs there now.",
                      object("", "A running service.",
                             {text("namespace", "Its namespace."), text("name", "Its name."),
                              text("digest", "The version that answers.").as(Format::kDigest)})),
                 text("url", "Where its services answer."),
                 timestamp("heartbeatTime", "When the node last wrote this."), conditions()})},
        {{"Ready", "status.conditions[type=Ready].status", "Whether the node takes services."},
         {"CPUs", "status.capacity.cpus", "Hardware threads.", "integer"},
         {"Version", "status.version", "The version of Holdfast that runs there."},
         {"URL", "status.url", "Where its services answer.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
