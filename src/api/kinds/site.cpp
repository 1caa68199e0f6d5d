#include "api/kinds.h"

namespace hf::api {

const Kind& site_kind() {
    static const Kind kKind{
        "Site",
        "sites",
        "site",
        {},
        "A place where machines stand, with what its owner declares of it.",
        false,
        {object(
             "spec", "What is declared of the place.",
             {text("jurisdiction", "Whose law holds there, as in 'DE'.").between(0, 64),
              text("faultDomain", "What fails together with it; by default nothing else.")
                  .as(Format::kName),
              integer("latencyMilliseconds", "From there to those who ask.").between(0, 60'000),
              integer("pueMilli", "Energy of the facility for that of its machines, times 1000.")
                  .between(1000, 10'000),
              text("gridZone", "The electricity grid that feeds it, as in 'DE' or 'US-CAL-CISO'.")
                  .between(0, 64),
              object("link", "How its machines reach the control plane.",
                     {integer("kilobitsPerSecond", "What they have together, towards them.")
                          .between(1, 1'000'000'000)})})
             .needed()},
        {{"Jurisdiction", "spec.jurisdiction", "Whose law holds there."},
         {"Latency", "spec.latencyMilliseconds", "In ms, to those who ask.", "integer"}},
    };
    return kKind;
}

}  // namespace hf::api
