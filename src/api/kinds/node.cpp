#include "api/kinds.h"
#include "api/kinds/cascade.h"
#include "api/kinds/windows.h"

namespace hf::api {
namespace {

constexpr std::int64_t kMaxServices = 1000;  // of one machine

Field devices() {
    return list("devices", "Its GPUs, by number.", integer("", "A GPU.").between(0, 15));
}

// The service's spec.cascade, and whom this replica asks.
Field ordered_cascade() {
    std::vector<Field> fields = cascade_fields();
    fields.push_back(object("at", "The replica of the upstream that it asks; none: nobody.",
                            {text("node", "Its machine.").needed().as(Format::kName),
                             text("url", "Where it answers.").needed(),
                             text("jurisdiction", "Whose law holds there.")}));
    fields.push_back(
        text("alone", "Why nobody.").choices({"residency", "no-upstream", "no-address"}));
    return object("cascade", "Which larger service it asks when it is unsure.", std::move(fields));
}

Field ordered_service() {
    return object(
        "", "A replica that shall run there.",
        {text("namespace", "Its service's namespace.").needed().as(Format::kNamespace),
         text("name", "Its service.").needed().as(Format::kName),
         text("uid", "Its service's identity."),
         integer("generation", "The generation of the service's spec that this follows."),
         integer("epoch",
                 "Grows each time that the service's replicas move: of two machines that "
                 "both believe to have one, the higher has it.")
             .between(0, std::int64_t{1} << 60),
         text("model", "The model, as the service names it.").needed().as(Format::kModelReference),
         text("digest", "The version that this stands for; empty: the machine looks it up.")
             .as(Format::kDigest),
         text("rollout", "The roll-out's order that gave it this version."),
         timestamp("orderedAt", "When it did."),
         text("modelBefore", "The model that the service named before the roll-out.")
             .as(Format::kModelReference),
         text("device", "What the model is compiled for.").otherwise("auto"), devices(),
         text("trustPolicy", "Which of the policies below it must satisfy.").as(Format::kName),
         list("jurisdictions", "Data may lie only there; none: anywhere.", text("", "")),
         list("forbiddenJurisdictions", "Data may not lie there.", text("", "")), windows(),
         download_ahead(), ordered_cascade(),
         truth("reportLoad", "Whether the machine says how much it is asked for it.")});
}

Field reported_load() {
    return object(
        "load",
        "How much the replica is asked, over the last ten seconds; where the order wants it.",
        {integer("concurrencyMilli", "Requests under way and waiting, in thousandths."),
         integer("queueMicroseconds", "How long a request waited."),
         integer("requestsPerMinute", "How many came.")});
}

// A policy as it stood when the machine was told, so that it can judge without the server.
Field ordered_policy() {
    return object(
        "", "A policy, whole.",
        {text("name", "Its name.").needed().as(Format::kName), text("uid", "Its identity."),
         integer("generation", "Of its spec."), *find_field(trust_policy_kind().fields, "spec")});
}

Field link() {
    return object(
        "link", "What it is connected by.",
        {object("dataBudget", "How much of models it may fetch; by default any.",
                {integer("bytes", "In one period.").needed().between(1, std::int64_t{1} << 50),
                 integer("periodHours", "How long a period is; 24. Counted from 1970 on, in UTC.")
                     .between(1, 24 * 366)})});
}

Field spec() {
    return object(
        "spec", "What it shall do. Its services and policies the control plane writes.",
        {text("site", "The Site where it stands.").as(Format::kName),
         truth("drain", "What it runs goes elsewhere, and nothing new comes."), link(),
         list("services", "What shall run there.", ordered_service()).between(0, kMaxServices),
         list("trustPolicies", "By which its models are judged.", ordered_policy())});
}

Field reported_service() {
    return object(
        "", "A replica as it is.",
        {text("namespace", "Its service's namespace."), text("name", "Its service."),
         integer("observedGeneration", "The generation of the service that this tells of."),
         integer("epoch", "The order that it follows."),
         text("rollout", "The roll-out's order that it follows."),
         truth("settled", "Whether it is done with the order, for good or ill."),
         text("digest", "The version that answers.").as(Format::kDigest),
         text("url", "Where it answers."), text("device", "What it was compiled for."),
         text("format", "Of the model's files."),
         text("signer", "Who signed the version that answers."),
         integer("sizeBytes", "Of the version's files."),
         integer("requests", "That reached it since it answers; while it is watched."),
         integer("errors", "Those of them that it failed."),
         integer("latencyP99Milliseconds", "The 99th percentile of what they took."),
         integer("compared", "Answers held against those of the previous version."),
         integer("agreed", "Those of them that agree."), reported_load(), conditions()});
}

Field capacity() {
    return object(
        "capacity", "What the machine has.",
        {integer("cpus", "Hardware threads.").between(0, 1 << 20),
         integer("memoryBytes", "Main memory.").between(0, std::int64_t{1} << 60),
         integer("gpus", "GPUs.").between(0, 16), text("gpuModel", "Their model, as in 'T4'."),
         integer("priceMicros", "What the machine costs an hour, in millionths.")
             .between(0, 1'000'000'000'000),
         integer("wattsMax", "Its power under full load.").between(0, 1'000'000)});
}

Field profile() {
    return object(
        "profile", "What the machine was measured to do.",
        {text("how", "How the numbers are known: 'measured'."),
         timestamp("measuredTime", "When that was."), text("processor", "The processor's model."),
         integer("cpus", "Hardware threads that it had then."),
         text("version", "The version of Holdfast whose kernels were measured."),
         integer("float32MegaopsPerSecond",
                 "Products in fp32 on one thread, in millions of operations; a multiplication and "
                 "an addition are two."),
         integer("int8MegaopsPerSecond", "Products in int8, the same."),
         integer("memoryMegabytesPerSecond",
                 "A copy through memory on one thread: bytes read and written."),
         text("powerMeter", "Where there is one: what measured the power, as in 'rapl'."),
         integer("milliwatts", "Of all processors, while this was measured.")});
}

Field outbox() {
    return object("outbox", "Of the events that it has to tell, since it first joined.",
                  {integer("waiting", "Not told yet."), integer("accepted", "All."),
                   integer("acknowledged", "Told."), integer("expired", "Too old to tell."),
                   integer("dropped", "For want of room, the least urgent first."),
                   integer("damaged", "Lines that could not be read.")});
}

}  // namespace

const Kind& node_kind() {
    static const Kind kKind{
        "Node",
        "nodes",
        "node",
        {"no"},
        "A machine that runs services: what it shall do, and what it says of itself.",
        false,
        {spec(),
         object(
             "status", "What the node says of itself.",
             {capacity(), text("architecture", "Machine architecture, as in 'x86_64'."),
              text("version", "The version of Holdfast that runs there."),
              list("instructionSets", "Instruction sets beyond the baseline, as in 'avx2'.",
                   text("", "An instruction set.")),
              list("devices", "What models can be compiled for.", text("", "A device.")),
              text("jurisdiction", "Whose law holds where it stands, as the machine knows it."),
              integer("observedGeneration", "The generation of the spec that it follows."),
              list("services", "What runs there now.", reported_service()).between(0, kMaxServices),
              text("url", "Where its services answer."), profile(), outbox(),
              timestamp("heartbeatTime", "When the node last wrote this."), conditions()})},
        {{"Ready", "status.conditions[type=Ready].status", "Whether the node takes services."},
         {"Site", "spec.site", "Where it stands."},
         {"CPUs", "status.capacity.cpus", "Hardware threads.", "integer"},
         {"Version", "status.version", "The version of Holdfast that runs there."},
         {"Mops-fp32", "status.profile.float32MegaopsPerSecond",
          "Millions of fp32 operations a second on one thread, measured.", "integer", true},
         {"Mops-int8", "status.profile.int8MegaopsPerSecond",
          "Millions of int8 operations a second on one thread, measured.", "integer", true},
         {"URL", "status.url", "Where its services answer.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
