// The openb trace of a GPU-sharing cluster (hkust-adsl/kubernetes-scheduler-simulator, Apache-2.0):
// machines, and pods with what they ask for, from gzipped CSV files.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "control/place/fleet.h"

namespace hf::bench {

struct Pod {
    control::place::Demand demand;
    std::vector<std::string> device_kinds;  // empty: any

    friend auto operator<=>(const Pod&, const Pod&) = default;
};

struct Trace {
    std::vector<control::place::Node> nodes;
    std::vector<Pod> pods;
    std::int64_t gpu_capacity_milli = 0;
};

// `folder` holds openb_node_list_gpu_node.csv.gz and openb_pod_list_WORKLOAD.csv.gz.
Result<Trace> read_trace(const std::string& folder, const std::string& workload);

// Mean and number of the published allocation ratios of a policy ("06-FGD") on a workload, in
// percent, when arrivals reach 100 % of the GPU capacity.
struct Published {
    double mean = 0;
    int seeds = 0;
};
Result<Published> read_published(const std::string& folder, const std::string& workload,
                                 const std::string& policy);

}  // namespace hf::bench
