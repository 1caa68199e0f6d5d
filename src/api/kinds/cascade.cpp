#include "api/kinds/cascade.h"

namespace hf::api {

std::vector<Field> cascade_fields() {
    constexpr std::int64_t kThresholdMax = 1'000'000'000;
    return {
        text("upstream", "The larger Service of its namespace that it asks when unsure.")
            .needed()
            .as(Format::kName),
        truth("inJurisdiction", "It asks only inside its own jurisdiction."),
        object("when", "When it is unsure of a row of its answer.",
               {text("output", "The output that it goes by; none: the model's first."),
                text("measure", "What of the row counts as its confidence.")
                    .choices({"max-softmax", "max-probability", "margin", "entropy", "value"})
                    .otherwise("max-softmax"),
                integer("belowMilli", "It is unsure below so many thousandths of confidence.")
                    .needed()
                    .between(-kThresholdMax, kThresholdMax)})
            .needed(),
        integer("timeoutMilliseconds", "How long it waits for the upstream.")
            .between(1, 60'000)
            .otherwise(kCascadeTimeoutMs),
        integer("budgetPercent", "Of a hundred rows, how many may go up.")
            .between(0, 100)
            .otherwise(kCascadeBudgetPercent),
        text("onFailure", "What an unsure answer becomes that the upstream did not better.")
            .choices({"answer-local", "refuse"})
            .otherwise("answer-local"),
    };
}

}  // namespace hf::api
