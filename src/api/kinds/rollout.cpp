#include "api/kinds.h"
#include "api/kinds/windows.h"

namespace hf::api {

namespace {

constexpr std::int64_t kMaxNodes = 1'000'000;
constexpr std::int64_t kMaxSeconds = 30 * 86'400;
constexpr std::int64_t kMaxStages = 16;
constexpr std::int64_t kMaxNamed = 500;    // nodes that the status names, of each list
constexpr std::int64_t kMaxOrders = 1000;  // not yet on record

Field share(std::string_view name, std::string_view description) {
    return object(
        name, description,
        {integer("count", "So many nodes.").between(1, kMaxNodes),
         integer("percent", "So many in a hundred, rounded down, at least one.").between(1, 100)});
}

Field stages() {
    return list("stages", "The groups of nodes that the change goes through, one after the other.",
                object("", "A stage.",
                       {text("name", "Its name.").needed().as(Format::kName),
                        text("selector", "Labels of its Nodes; empty: all that are left."),
                        share("limit", "Nodes that it takes at most; by default all."),
                        integer("soakSeconds", "How long it is watched after the last good node.")
                            .between(0, kMaxSeconds),
                        truth("approval", "Whether somebody must approve it before it begins."),
                        integer("successPercent", "Of its nodes that must be good; 100.")
                            .between(1, 100),
                        integer("maxParallel", "Nodes on their way at a time; 100.")
                            .between(1, 10'000)}))
        .needed()
        .between(1, kMaxStages);
}

Field abort_rules() {
    return object(
        "abort", "When the change goes back by itself.",
        {integer("failures", "At so many failed nodes, at once.").between(1, kMaxNamed),
         integer("failurePercent", "At so many failed in a hundred that have ended.")
             .between(1, 100),
         integer("minimumSample", "Nodes that have ended before the percentage counts; 10.")
             .between(1, kMaxNodes)});
}

Field gates() {
    return object(
        "gates", "What the new version must show while it answers.",
        {integer("errorRatePercentMax", "Failed requests in a hundred.").between(0, 100),
         integer("latencyP99MillisecondsMax", "The 99th percentile of its latency.")
             .between(1, 3'600'000),
         object(
             "agreement", "How like the previous version's its answers must be.",
             {integer("percentMin", "Compared answers in a hundred that agree.")
                  .needed()
                  .between(1, 100),
              integer("samplesMin",
                      "Compared answers before it is judged, and before it moves on; 100.")
                  .between(1, 1'000'000'000),
              integer("toleranceMicros",
                      "How far numbers may differ, in millionths of the larger of 1 and the "
                      "previous number; 1000.")
                  .between(0, 1'000'000'000),
              list("classScores", "Outputs of which only the place of the highest score counts.",
                   text("", "An output.").between(1, 256))
                  .between(0, 64),
              integer("samplePercent", "Of the requests that are compared; 100.").between(1, 100)}),
         integer("minimumRequests",
                 "Requests before errors and latency are judged, and before it moves on; 1.")
             .between(1, 1'000'000'000)});
}

Field words(std::string_view name, std::string_view description) {
    return list(name, description,
                object("", "A word on one stage.",
                       {text("stage", "The stage's name.").needed().as(Format::kName),
                        text("by", "Who gave it.").needed().between(1, 256)}))
        .between(0, 64);
}

std::vector<Field> wishes() {
    return {
        text("service", "The Service of its namespace that changes.").needed().as(Format::kName),
        text("model", "Which model it moves to; resolved once, unless digest says it.")
            .as(Format::kModelReference),
        text("digest", "The version that it moves to.").as(Format::kDigest),
        text("fromDigest", "The version that it comes from and goes back to.").as(Format::kDigest),
        stages(),
        abort_rules(),
        share("disruptionBudget", "Nodes that may be unavailable at a time; by default any."),
        gates(),
        windows(),
        download_ahead(),
        integer("ratePerMinute", "Nodes ordered a minute; by default any.").between(1, 100'000),
        integer("nodeAttemptsMax", "Orders that one node gets; 3.").between(1, 10),
        integer("nodeTimeoutSeconds", "How long one order may take; 1800.")
            .between(10, kMaxSeconds),
        integer("patienceSeconds", "How long an unreachable node is waited for; 600.")
            .between(10, kMaxSeconds),
        truth("paused", "Whether no further node is ordered for now."),
        truth("aborted", "Whether it goes back; cannot be taken back."),
        words("approvals", "Stages that may begin."),
        words("promotions", "Stages whose soak is cut short.")};
}

Field counts() {
    return object("counts", "How many nodes stand where.",
                  {integer("untouched", "Not ordered yet."),
                   integer("underWay", "Ordered, without an outcome."), integer("good", "Good."),
                   integer("failed", "Failed, or out of attempts."),
                   integer("unreachable", "Unreachable for longer than the patience."),
                   integer("present", "They had the version without this roll-out."),
                   integer("returning", "On their way back."), integer("back", "Back."),
                   integer("other", "They want another version, and are left alone.")});
}

Field progress() {
    return list("progress", "What became of each stage.",
                object("", "A stage.",
                       {integer("ordered", "Nodes ordered in it."),
                        integer("good", "The most nodes that were good."),
                        truth("closed", "Whether it takes no further node."),
                        timestamp("began", "When it began."),
                        timestamp("lastGood", "When its last node became good."),
                        timestamp("passed", "When it passed.")}))
        .between(0, kMaxStages);
}

Field agreement() {
    return object("agreement", "Of the new version with the previous one, as its machines tell.",
                  {integer("compared", "Answers that were compared."),
                   integer("agreed", "Those that agree.")});
}

Field in_force() {
    return object("inForce", "The spec that is followed: a loosened one is not.", wishes());
}

std::vector<Field> state() {
    return {integer("observedGeneration", "The generation of the spec that this tells of."),
            text("phase", "Where it stands.")
                .choices({"Pending", "Running", "Soaking", "WaitingForApproval", "Paused",
                          "Aborting", "RolledBack", "Succeeded", "Failed"}),
            text("stage", "The stage under way."),
            integer("stageNumber", "The same, counted from 0.").between(0, kMaxStages),
            prose("message", "Why it does not move on, in a sentence."),
            prose("abortReason", "Why it goes back, or cannot begin."),
            prose("refusedChange", "Why the spec as it is now is not followed."),
            integer("revision", "Counts the changes of this state; orders carry it."),
            timestamp("rateTime", "When the rate was used up to."),
            counts(),
            agreement(),
            progress(),
            list("canary", "The nodes of the first stage, fixed when it began.",
                 text("", "A Node.").as(Format::kName))
                .between(0, kMaxNamed),
            list("failures", "The nodes that failed; they get no further order.",
                 object("", "A failed node.",
                        {text("node", "The Node.").needed().as(Format::kName),
                         integer("stage", "In which stage."), text("reason", "Why.")}))
                .between(0, kMaxNamed),
            list("outbox", "Orders decided and not yet seen on record.",
                 object("", "An order.",
                        {text("node", "The Node.").needed().as(Format::kName),
                         text("why", "What for: silent, failed and abort go back.")
                             .needed()
                             .choices({"forward", "silent", "failed", "abort"}),
                         integer("stage", "The stage that it counts for."),
                         integer("ordinal", "The node's number in the stage."),
                         integer("attempt", "The how manieth order of the node."),
                         integer("revision", "The state that decided it.")}))
                .between(0, kMaxOrders),
            in_force(),
            conditions()};
}

}  // namespace

const Kind& rollout_kind() {
    static const Kind kKind{
        "Rollout",
        "rollouts",
        "rollout",
        {"ro"},
        "One change of a Service's version, travelling through the fleet stage by stage.",
        true,
        {object("spec", "What changes, and how carefully.", wishes()).needed(),
         object("status", "How far it is; also all that it remembers.", state())},
        {{"Service", "spec.service", "The Service that changes."},
         {"Phase", "status.phase", "Where it stands."},
         {"Stage", "status.stage", "The stage under way."},
         {"Good", "status.counts.good", "Nodes that are good.", "integer"},
         {"Failed", "status.counts.failed", "Nodes that failed.", "integer"},
         {"Message", "status.message", "Why it does not move on.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
