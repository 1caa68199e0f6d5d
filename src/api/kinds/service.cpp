#include "api/kinds.h"
#include "api/kinds/cascade.h"
#include "api/kinds/windows.h"

namespace hf::api {

namespace {

Field names(std::string_view name, std::string_view description, std::string_view item) {
    return list(name, description, text("", item)).between(0, 64);
}

Field placement() {
    return object(
        "placement", "Where it may run, and what that counts for.",
        {names("jurisdictions", "Data may lie only there; none: anywhere.",
               "As a Site declares it."),
         names("forbiddenJurisdictions", "Data may not lie there.", "As a Site declares it."),
         names("deviceKinds", "Kinds of machine it may use; none: any.", "'cpu' or a GPU model."),
         names("nodes", "The only machines it may use; none: any.", "A Node."),
         integer("latencyMilliseconds", "At most so far from those who ask.").between(0, 60'000),
         integer("maxPerDomain", "Replicas in one fault domain.").between(1, 1'000'000),
         integer("maxPerNode", "Replicas on one machine.").between(1, 1'000'000),
         integer("priority", "Who goes first where not all fit.").between(-1'000'000, 1'000'000),
         integer("costWeight", "What a millionth of the price counts for.").between(0, 1'000'000),
         integer("energyWeight", "What a watt-hour counts for.").between(0, 1'000'000)});
}

Field resources() {
    return object(
        "resources", "What one replica needs.",
        {integer("cpuMilli", "Thousandths of a hardware thread.").between(1, 1'000'000'000),
         integer("memoryMebibytes", "Main memory.").between(0, 1'000'000'000),
         integer("gpus", "GPUs.").between(0, 16),
         integer("gpuMilli", "Thousandths of one GPU; of several, all.").between(1, 1000)});
}

Field replica() {
    return object(
        "", "A replica.",
        {text("node", "Its machine."),
         list("devices", "Its GPUs, by number.", integer("", "A GPU.").between(0, 15)),
         integer("epoch", "The order that put it there."), truth("ready", "Whether it answers."),
         text("digest", "The version that answers.").as(Format::kDigest),
         text("url", "Where it answers.")});
}

Field scale() {
    return object(
        "scale", "How many shall run, by what they are asked; in place of replicas.",
        {integer("min", "Never fewer; 1.").between(1, 1'000'000),
         integer("max", "Never more.").needed().between(1, 1'000'000),
         integer("targetConcurrency",
                 "Requests under way and waiting, for each replica; 4. More replicas run where "
                 "there are more.")
             .between(1, 1'000'000),
         integer("targetQueueMilliseconds",
                 "How long a request may wait; more replicas run where it waits longer. If left "
                 "out: any time.")
             .between(1, 600'000),
         integer("downAfterSeconds",
                 "Fewer run only once no more were asked for in so many seconds; 300.")
             .between(0, 86'400)});
}

Field scale_status() {
    return object(
        "scale", "What the number of replicas was decided by; of a service that scales.",
        {integer("askedFor", "As many as the load asked for last, within the limits; 0: unknown."),
         list("higher", "Numbers that were asked for before, the highest first.",
              object("", "One of them.",
                     {integer("replicas", "How many."),
                      timestamp("until", "When they were asked for last.")})),
         integer("raisedFrom",
                 "How many there were before the latest quarter of a minute in which "
                 "their number was raised."),
         timestamp("raisedAt", "When that began.")});
}

Field cascade() {
    return object("cascade", "Which larger Service it asks when it is unsure, and how far.",
                  cascade_fields());
}

}  // namespace

const Kind& service_kind() {
    static const Kind kKind{
        "Service",
        "services",
        "service",
        {"svc"},
        "A model kept running and answering under one name.",
        true,
        {object("spec", "What shall run.",
                {text("model", "Which model: 'NAME:TAG' or 'NAME@sha256:DIGEST'.")
                     .needed()
                     .as(Format::kModelReference),
                 text("trustPolicy", "The TrustPolicy that the model must satisfy.")
                     .as(Format::kName)
                     .otherwise("default"),
                 text("device", "What the model is compiled for.")
                     .choices({"auto", "cpu", "ref"})
                     .otherwise("auto"),
                 integer("replicas", "How many shall run.").between(0, 1'000'000), scale(),
                 resources(), placement(), windows(), download_ahead(), cascade()})
             .needed(),
         object("status", "What runs.",
                {integer("observedGeneration", "The generation of the spec that this tells of."),
                 text("digest", "The version that answers.").as(Format::kDigest),
                 text("url", "Where it answers."), text("node", "The node of its first replica."),
                 integer("epoch", "Grows each time that its replicas move."),
                 integer("wantedReplicas", "How many shall run."),
                 integer("readyReplicas", "How many answer."), scale_status(),
                 list("replicas", "Where each replica runs; the first hundred.", replica()),
                 text("device", "What it was compiled for."), conditions()})},
        {{"Model", "spec.model", "Which model."},
         {"Ready", "status.conditions[type=Ready].status", "Whether the wanted version answers."},
         {"Reason", "status.conditions[type=Ready].reason", "Why, in a word."},
         {"Replicas", "status.readyReplicas", "How many answer.", "integer"},
         {"Wanted", "status.wantedReplicas", "How many shall.", "integer"},
         {"URL", "status.url", "Where it answers."},
         {"Node", "status.node", "The node of its first replica.", "string", true},
         {"Digest", "status.digest", "The version that answers.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
