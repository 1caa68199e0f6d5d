#include "api/kinds.h"

namespace hf::api {

const Kind& event_kind() {
    static const Kind kKind{
        "Event",
        "events",
        "event",
        {"ev"},
        "What happened to an object, for people. Events are kept for a while only.",
        true,
        {object("involvedObject", "What it happened to.",
                {text("apiVersion", "Group and version."), text("kind", "Kind."),
                 text("namespace", "Namespace."), text("name", "Name."), text("uid", "Identity."),
                 text("resourceVersion", "Version at that time."),
                 text("fieldPath", "The part that it happened to.")})
             .needed(),
         text("reason", "Why, in one CamelCase word for programs.").needed().between(1, 128),
         prose("message", "What happened, in a sentence for people."),
         text("type", "Whether somebody should care.")
             .choices({"Normal", "Warning"})
             .otherwise("Normal"),
         integer("count", "How often it happened.").between(1, 1 << 30).otherwise(1),
         timestamp("firstTimestamp", "When it happened first."),
         timestamp("lastTimestamp", "When it happened last."),
         object("source", "Who says so.",
                {text("component", "The part of Holdfast."), text("host", "The node.")})},
        {{"Last Seen", "lastTimestamp", "When it happened last.", "date"},
         {"Type", "type", "Whether somebody should care."},
         {"Reason", "reason", "Why, in a word."},
         {"Object", "involvedObject.kind", "What it happened to."},
         {"Of", "involvedObject.name", "Its name."},
         {"Message", "message", "What happened."}},
    };
    return kKind;
}

}  // namespace hf::api
