// Support vector machines of ai.onnx.ml: SVMClassifier and SVMRegressor.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/ref/ops/ml.h"

namespace hf::runtime::ref {
namespace {

struct Kernel {
    std::string type;
    double gamma = 0, offset = 0, degree = 0;

    double between(std::span<const double> x, const double* vector) const {
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            sum += type == "RBF" ? (x[i] - vector[i]) * (x[i] - vector[i]) : x[i] * vector[i];
        }
        if (type == "RBF") return std::exp(-gamma * sum);
        if (type == "POLY") return std::pow(gamma * sum + offset, degree);
        return type == "SIGMOID" ? std::tanh(gamma * sum + offset) : sum;
    }
};

Result<Kernel> read_kernel(const graph::Node& node) {
    Kernel kernel;
    kernel.type = node.string_or("kernel_type", "LINEAR");
    const std::vector<double> parameters = HF_TRY(reals(node, "kernel_params"));
    if (parameters.size() >= 3) {
        kernel.gamma = parameters[0];
        kernel.offset = parameters[1];
        kernel.degree = parameters[2];
    }
    for (const char* known : {"LINEAR", "POLY", "RBF", "SIGMOID"}) {
        if (kernel.type == known) return kernel;
    }
    return invalid_argument("kernel_type '{}' is not in the standard", kernel.type);
}

// What both operators read. Without support vectors the coefficients are a linear model.
struct Machine {
    Kernel kernel;
    std::vector<double> vectors, coefficients, rho;
    std::size_t count = 0;  // of support vectors
    std::size_t features = 0;

    std::vector<double> kernels(std::span<const double> row) const {
        std::vector<double> values;
        for (std::size_t i = 0; i < count; ++i) {
            values.push_back(kernel.between(row, vectors.data() + i * features));
        }
        return values;
    }
};

Result<Machine> read_machine(const graph::Node& node, std::size_t count, std::size_t features) {
    Machine machine;
    machine.kernel = HF_TRY(read_kernel(node));
    machine.vectors = HF_TRY(reals(node, "support_vectors"));
    machine.coefficients = HF_TRY(reals(node, "coefficients"));
    machine.rho = HF_TRY(reals(node, "rho"));
    machine.count = count;
    machine.features = features;
    // The count is checked first, so that the product cannot wrap.
    if (count > machine.vectors.size() || machine.vectors.size() != count * features) {
        return invalid_argument("support_vectors has {} values for {} vectors of {} features",
                                machine.vectors.size(), count, features);
    }
    if (machine.rho.empty()) return invalid_argument("'rho' is missing");
    return machine;
}

Outputs regressor(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const graph::Node& node = context.node;
    const std::int64_t supports = node.int_or("n_supports", 0);
    if (supports < 0) return invalid_argument("n_supports is {}", supports);
    const Machine machine =
        HF_TRY(read_machine(node, static_cast<std::size_t>(supports), rows.features));
    const std::size_t wanted = machine.count > 0 ? machine.count : rows.features;
    if (machine.coefficients.size() != wanted) {
        return invalid_argument("{} coefficients, want {}", machine.coefficients.size(), wanted);
    }
    const bool one_class = node.int_or("one_class", 0) != 0;
    std::vector<std::vector<double>> scores;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        const std::span<const double> row = rows.row(sample);
        const std::vector<double> values =
            machine.count > 0 ? machine.kernels(row) : std::vector<double>(row.begin(), row.end());
        const double sum = std::inner_product(values.begin(), values.end(),
                                              machine.coefficients.begin(), machine.rho[0]);
        scores.push_back({one_class ? (sum > 0 ? 1.0 : -1.0) : sum});
        HF_TRY(post_transform(node.string_or("post_transform", "NONE"), scores.back()));
    }
    return one(HF_TRY(score_matrix(scores, 1)));
}

struct Classifier {
    Machine machine;
    ClassLabels labels;
    std::vector<std::size_t> starts;  // of each class's support vectors, and their end
    std::vector<double> prob_a, prob_b;

    std::size_t classes() const { return labels.count(); }
    bool has_vectors() const { return machine.count > 0; }
    bool has_probabilities() const { return has_vectors() && !prob_a.empty(); }

    // The decisions between all pairs of classes, in order; votes[c] counts those for class c.
    std::vector<double> decide(std::span<const double> row, std::vector<int>& votes) const {
        const std::vector<double> kernels = machine.kernels(row);
        // The kernels of class `of`, weighed by their coefficients against another class.
        const auto part = [&](std::size_t of, std::size_t line) {
            double sum = 0;
            for (std::size_t v = starts[of]; v < starts[of + 1]; ++v) {
                sum += machine.coefficients[line * machine.count + v] * kernels[v];
            }
            return sum;
        };
        std::vector<double> decisions;
        votes.assign(classes(), 0);
        for (std::size_t i = 0; i < classes(); ++i) {
            for (std::size_t j = i + 1; j < classes(); ++j) {
                const double sum = part(i, j - 1) + part(j, i) + machine.rho[decisions.size()];
                ++votes[sum > 0 ? i : j];
                decisions.push_back(sum);
            }
        }
        return decisions;
    }

    std::vector<double> linear(std::span<const double> row) const {
        std::vector<double> scores;
        Kernel dot;
        dot.type = "LINEAR";
        for (std::size_t c = 0; c < classes(); ++c) {
            const double* line = machine.coefficients.data() + c * row.size();
            scores.push_back(dot.between(row, line) + machine.rho[0]);
        }
        return scores;
    }
};

Result<Classifier> read_classifier(const graph::Node& node, std::size_t features) {
    Classifier c;
    c.labels = class_labels(node);
    c.prob_a = HF_TRY(reals(node, "prob_a"));
    c.prob_b = HF_TRY(reals(node, "prob_b"));
    c.starts = {0};
    for (std::int64_t count : node.ints_or("vectors_per_class", {})) {
        if (count < 0 || count > Shape::kMaxElements) {
            return invalid_argument("{} support vectors of one class", count);
        }
        c.starts.push_back(c.starts.back() + static_cast<std::size_t>(count));
    }
    c.machine = HF_TRY(read_machine(node, c.starts.back(), features));
    const std::size_t classes = c.classes(), coefficients = c.machine.coefficients.size();
    if (classes == 0) return invalid_argument("class labels are missing");
    if (!c.has_vectors()) {
        if (coefficients == classes * features) return c;
        return invalid_argument("{} coefficients for {} classes of {} features", coefficients,
                                classes, features);
    }
    const std::size_t pairs = classes * (classes - 1) / 2;
    if (c.starts.size() != classes + 1 || coefficients != (classes - 1) * c.machine.count ||
        c.machine.rho.size() < pairs || c.prob_a.size() != c.prob_b.size() ||
        (!c.prob_a.empty() && c.prob_a.size() < pairs)) {
        return invalid_argument(
            "coefficients, rho or probabilities do not fit {} classes of {} "
            "support vectors",
            classes, c.machine.count);
    }
    return c;
}

// One step of the iteration below over every class.
void improve(const std::vector<double>& q, std::vector<double>& p, std::vector<double>& qp,
             double pqp) {
    const std::size_t k = p.size();
    for (std::size_t t = 0; t < k; ++t) {
        const double diff = (pqp - qp[t]) / q[t * k + t], scale = 1 + diff;
        p[t] += diff;
        pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (scale * scale);
        for (std::size_t j = 0; j < k; ++j) {
            qp[j] = (qp[j] + diff * q[t * k + j]) / scale;
            p[j] /= scale;
        }
    }
}

// The probabilities of classes that fit those of their pairs best: the second method of Wu, Lin
// and Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004).
// r[i * k + j] is how likely i is, given that it is i or j.
std::vector<double> couple(const std::vector<double>& r, std::size_t k) {
    std::vector<double> q(k * k, 0), p(k, 1 / static_cast<double>(k)), qp(k, 0);
    for (std::size_t t = 0; t < k; ++t) {
        for (std::size_t j = 0; j < k; ++j) {
            if (j == t) continue;
            q[t * k + t] += r[j * k + t] * r[j * k + t];
            q[t * k + j] = -r[j * k + t] * r[t * k + j];
        }
    }
    const std::size_t most = std::max<std::size_t>(100, k);
    for (std::size_t round = 0; round < most; ++round) {
        double pqp = 0, error = 0;
        for (std::size_t t = 0; t < k; ++t) {
            qp[t] = 0;
            for (std::size_t j = 0; j < k; ++j) qp[t] += q[t * k + j] * p[j];
            pqp += p[t] * qp[t];
        }
        for (std::size_t t = 0; t < k; ++t) error = std::max(error, std::abs(qp[t] - pqp));
        if (error < 0.005 / static_cast<double>(k)) break;
        improve(q, p, qp, pqp);
    }
    return p;
}

// Platt's sigmoid of each decision, coupled.
std::vector<double> probabilities(const Classifier& c, const std::vector<double>& decisions) {
    const std::size_t k = c.classes();
    std::vector<double> r(k * k, 0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < k; ++i) {
        for (std::size_t j = i + 1; j < k; ++j, ++pair) {
            const double x = decisions[pair] * c.prob_a[pair] + c.prob_b[pair];
            const double likely = std::clamp(1 / (1 + std::exp(x)), 1e-7, 1 - 1e-7);
            r[i * k + j] = likely;
            r[j * k + i] = 1 - likely;
        }
    }
    return couple(r, k);
}

template <typename T>
std::size_t largest(const std::vector<T>& values) {
    return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) -
                                    values.begin());
}

Outputs classifier(const OpContext& context) {
    const FeatureRows rows = HF_TRY(feature_rows(context));
    const Classifier c = HF_TRY(read_classifier(context.node, rows.features));
    const std::string transform = context.node.string_or("post_transform", "NONE");
    std::vector<std::vector<double>> scores;
    std::vector<std::size_t> classes;
    std::vector<int> votes;
    for (std::size_t sample = 0; sample < rows.samples; ++sample) {
        std::vector<double> row =
            c.has_vectors() ? c.decide(rows.row(sample), votes) : c.linear(rows.row(sample));
        if (c.has_probabilities()) row = probabilities(c, row);
        classes.push_back(c.has_vectors() ? largest(votes) : largest(row));
        // A single decision speaks for the first class; two columns are wanted.
        if (row.size() == 1 && c.classes() == 2) row.insert(row.begin(), -row[0]);
        HF_TRY(post_transform(transform, row));
        scores.push_back(std::move(row));
    }
    const std::size_t pairs = c.classes() * (c.classes() - 1) / 2;
    const bool paired = c.has_vectors() && !c.has_probabilities() && c.classes() != 2;
    std::vector<Tensor> outputs = one(HF_TRY(c.labels.pick(classes)));
    outputs.push_back(HF_TRY(score_matrix(scores, paired ? pairs : c.classes())));
    return outputs;
}

}  // namespace

std::vector<OpRow> ml_svm_rows() {
    return {{"ai.onnx.ml", "SVMClassifier", classifier}, {"ai.onnx.ml", "SVMRegressor", regressor}};
}

}  // namespace hf::runtime::ref
