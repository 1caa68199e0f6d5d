#include "api/kinds/windows.h"

namespace hf::api {

Field windows() {
    return list(
               "windows", "When nodes may be changed; by default always.",
               object(
                   "", "A maintenance window.",
                   {list("days", "On which days it opens; by default on all.",
                         text("", "A day.")
                             .choices({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}))
                        .between(0, 7),
                    text("start", "When it opens: 'HH:MM'.").needed(),
                    integer("durationMinutes", "How long it stays open.").needed().between(1, 1440),
                    text("timeZone",
                         "Whose clocks it goes by, as in 'Europe/Berlin'; each node must know "
                         "it (tzdata).")
                        .between(1, 64),
                    integer("utcOffsetMinutes",
                            "Instead of timeZone: minutes east of UTC; by default 0.")
                        .between(-840, 840)}))
        .between(0, 16);
}

Field download_ahead() {
    return truth("downloadAhead",
                 "Whether nodes may fetch and verify before the window in which they change.");
}

}  // namespace hf::api
