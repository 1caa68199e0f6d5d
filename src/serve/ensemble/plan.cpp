#include "serve/ensemble/plan.h"

#include <algorithm>

#include "base/text.h"
#include "serve/signature_check.h"

namespace hf::serve::ensemble {
namespace {

using runtime::Port;

std::string describe(const Port& port) {
    return fmt::format("{} [{}]", oip_name(port.dtype), port.shape.to_string());
}

bool first_is_open(const Shape& shape) {
    return shape.rank() > 0 && shape[0] == Shape::kUnknown;
}

bool first_are_open(const std::vector<Port>& ports) {
    return std::all_of(ports.begin(), ports.end(),
                       [](const Port& port) { return first_is_open(port.shape); });
}

// The extents that fit both; nullopt where none do.
std::optional<Shape> narrow(const Shape& a, const Shape& b) {
    if (a.rank() != b.rank()) return std::nullopt;
    Shape both = a;
    for (std::size_t axis = 0; axis < a.rank(); ++axis) {
        if (a[axis] == Shape::kUnknown) {
            both[axis] = b[axis];
        } else if (b[axis] != Shape::kUnknown && a[axis] != b[axis]) {
            return std::nullopt;
        }
    }
    return both;
}

// The extents of which each of both is. REQUIRES: the same rank.
Shape widen(const Shape& a, const Shape& b) {
    Shape both = a;
    for (std::size_t axis = 0; axis < a.rank(); ++axis) {
        if (a[axis] != b[axis]) both[axis] = Shape::kUnknown;
    }
    return both;
}

bool has_row_test(const Tests& tests) {
    return std::any_of(tests.begin(), tests.end(), [](const Test& test) { return test.by_row; });
}

// Whether such a value has such a measure, as far as its type and shape tell.
Status check_measure(const Port& value, const Test& test) {
    constexpr std::int64_t kElementsTried = 1 << 20;
    Shape shape = value.shape;
    if (shape.rank() > 0 && shape[0] == Shape::kUnknown) shape[0] = 1;
    if (!shape.is_known() || shape.elements() > kElementsTried) return {};
    if (value.dtype == DType::kString) {
        return invalid_argument("'{}' is of BYTES, which are no numbers to be sure by", value.name);
    }
    HF_TRY(cascade::confidences(Tensor(value.dtype, shape), test.measure));
    const bool a_row_each = shape.rank() >= 2 || test.measure == cascade::Measure::kValue;
    if (!test.by_row || a_row_each) return {};
    return invalid_argument("'{}' of shape {} has no rows; say \"by\": \"request\"", value.name,
                            value.shape.to_string());
}

class Planner final {
public:
    Planner(const Declaration& declaration, const Members& members)
        : declaration_(declaration), members_(members) {}

    Result<Plan> make() {
        HF_TRY(name_values());
        for (std::size_t i = 0; i < declaration_.steps.size(); ++i) HF_TRY(bind_step(i));
        for (const auto& [name, source] : declaration_.outputs) {
            Plan::Source outputs = HF_TRY(find_source(source));
            plan_.outputs.push_back(std::move(outputs));
        }
        HF_TRY(check_use());
        HF_TRY(order());
        HF_TRY(check_types());
        for (const std::size_t i : order_) HF_TRY(condition(i));
        HF_TRY(describe_outputs());
        HF_TRY(bound());
        for (const std::size_t i : order_) plan_.steps.push_back(std::move(steps_[i]));
        return std::move(plan_);
    }

private:
    struct Value {
        Port type;
        bool typed = false;
        std::string at;                 // where the declaration makes it
        std::optional<std::size_t> by;  // the step; nullopt: an input
        Tests tests = {};
    };

    const Member& member_of(std::size_t step) const {
        return members_.find(declaration_.steps[step].model)->second;
    }
    static std::string at(std::size_t step) { return fmt::format("/steps/{}", step); }

    Status add_value(Value value) {
        const auto known = names_.find(value.type.name);
        if (known != names_.end()) {
            return invalid_argument("{}: '{}' is made at {} already; a value is made once",
                                    value.at, value.type.name, values_[known->second].at);
        }
        names_.emplace(value.type.name, values_.size());
        values_.push_back(std::move(value));
        plan_.readers.push_back(0);
        return {};
    }

    Status name_values() {
        for (std::size_t i = 0; i < declaration_.inputs.size(); ++i) {
            const Input& input = declaration_.inputs[i];
            Value value{{input.name, DType::kF32, {}}, false, fmt::format("/inputs/{}", i), {}};
            HF_TRY(add_value(std::move(value)));
        }
        for (std::size_t i = 0; i < declaration_.steps.size(); ++i) {
            for (const auto& [port, name] : declaration_.steps[i].outputs) {
                Value value{{name, DType::kF32, {}}, false, at(i) + "/outputs/" + port, i};
                HF_TRY(add_value(std::move(value)));
            }
        }
        return {};
    }

    Result<std::size_t> find_value(const std::string& name, const std::string& place) {
        const auto found = names_.find(name);
        if (found == names_.end()) {
            std::vector<std::string> known;
            for (const auto& [each, value] : names_) known.push_back(each);
            return invalid_argument("{}: '{}' is neither an input nor made by a step{}", place,
                                    name, suggestion(name, known, "values"));
        }
        ++plan_.readers[found->second];
        return found->second;
    }

    Result<Plan::Source> find_source(const Source& source) {
        Plan::Source values;
        for (const std::string& name : source.values) {
            values.push_back(HF_TRY(find_value(name, source.at)));
        }
        return values;
    }

    static Result<std::size_t> find_port(const std::vector<Port>& ports, const std::string& name,
                                         const std::string& place) {
        for (std::size_t i = 0; i < ports.size(); ++i) {
            if (ports[i].name == name) return i;
        }
        return invalid_argument("{}: the model has no '{}'; it has: {}", place, name,
                                names_of(ports));
    }

    Status bind_step(std::size_t i) {
        const Step& declared = declaration_.steps[i];
        const auto found = members_.find(declared.model);
        if (found == members_.end()) {
            std::vector<std::string> known;
            for (const auto& [name, member] : members_) known.push_back(name);
            return invalid_argument("{}/model: no model '{}' is served here{}", at(i),
                                    declared.model, suggestion(declared.model, known, "models"));
        }
        const Member& member = found->second;
        if (member.keeps_state) {
            return invalid_argument(
                "{}/model: '{}' keeps state from request to request (its .sequence.json), which a "
                "step does not",
                at(i), declared.model);
        }
        Plan::Step step;
        step.declared = i;
        step.model = declared.model;
        step.inputs.resize(member.signature.inputs.size());
        step.outputs.resize(member.signature.outputs.size());
        for (const auto& [name, source] : declared.inputs) {
            const std::size_t port = HF_TRY(find_port(member.signature.inputs, name, source.at));
            step.inputs[port] = HF_TRY(find_source(source));
        }
        for (std::size_t port = 0; port < step.inputs.size(); ++port) {
            if (!step.inputs[port].empty()) continue;
            return invalid_argument("{}/inputs: the input '{}' of '{}' is missing", at(i),
                                    member.signature.inputs[port].name, declared.model);
        }
        HF_TRY(bind_outputs(i, step));
        if (declared.when) {
            const Condition& when = *declared.when;
            Test test;
            test.value = HF_TRY(find_value(when.value, at(i) + "/when/value"));
            test.measure = when.measure;
            test.threshold = when.threshold;
            test.below = when.below;
            step.when = test;
        }
        steps_.push_back(std::move(step));
        return {};
    }

    Status bind_outputs(std::size_t i, Plan::Step& step) {
        const std::vector<Port>& ports = member_of(i).signature.outputs;
        for (const auto& [name, made] : declaration_.steps[i].outputs) {
            const std::string place = at(i) + "/outputs/" + name;
            const std::size_t port = HF_TRY(find_port(ports, name, place));
            const std::size_t value = names_.find(made)->second;
            step.outputs[port] = value;
            values_[value].type = {made, ports[port].dtype, ports[port].shape};
            values_[value].typed = true;
        }
        return {};
    }

    // That all is read, and something comes of each step.
    Status check_use() const {
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (plan_.readers[i] > 0) continue;
            return invalid_argument("{}: no step and no output reads '{}'; leave it out",
                                    values_[i].at, values_[i].type.name);
        }
        std::vector<bool> used(steps_.size());
        std::vector<std::size_t> open;
        const auto use = [&](std::size_t value) {
            const std::optional<std::size_t> by = values_[value].by;
            if (!by || used[*by]) return;
            used[*by] = true;
            open.push_back(*by);
        };
        for (const Plan::Source& source : plan_.outputs) {
            for (const std::size_t value : source) use(value);
        }
        while (!open.empty()) {
            const std::size_t step = open.back();
            open.pop_back();
            for (const std::size_t value : read_by(steps_[step])) use(value);
        }
        const auto idle = std::find(used.begin(), used.end(), false);
        if (idle == used.end()) return {};
        return invalid_argument("{}: no output comes of it; leave it out",
                                at(static_cast<std::size_t>(idle - used.begin())));
    }

    static std::vector<std::size_t> read_by(const Plan::Step& step) {
        std::vector<std::size_t> values;
        for (const Plan::Source& source : step.inputs) {
            values.insert(values.end(), source.begin(), source.end());
        }
        if (step.when) values.push_back(step.when->value);
        return values;
    }

    // Steps behind those that they read from; else as declared.
    Status order() {
        std::vector<bool> placed(steps_.size());
        const auto may_go = [&](const Plan::Step& step) {
            const std::vector<std::size_t> read = read_by(step);
            return std::all_of(read.begin(), read.end(), [&](std::size_t value) {
                return !values_[value].by || placed[*values_[value].by];
            });
        };
        while (order_.size() < steps_.size()) {
            std::size_t next = 0;
            while (next < steps_.size() && (placed[next] || !may_go(steps_[next]))) ++next;
            if (next == steps_.size()) {
                const auto stuck = std::find(placed.begin(), placed.end(), false);
                return invalid_argument(
                    "{}: reads what comes of itself, or of others that wait for one another so",
                    at(static_cast<std::size_t>(stuck - placed.begin())));
            }
            placed[next] = true;
            order_.push_back(next);
            Plan::Step& step = steps_[next];
            for (const std::size_t value : read_by(step)) {
                const std::optional<std::size_t> by = values_[value].by;
                if (by) step.level = std::max(step.level, steps_[*by].level + 1);
            }
        }
        return {};
    }

    // Inputs become what all who read them want; what steps make must be it.
    Status check_types() {
        for (std::size_t i = 0; i < declaration_.inputs.size(); ++i) {
            const Input& input = declaration_.inputs[i];
            if (input.dtype) values_[i].type.dtype = *input.dtype;
            if (input.shape) values_[i].type.shape = *input.shape;
            values_[i].typed = input.dtype && input.shape;
        }
        std::vector<bool> read(values_.size());
        for (const Plan::Step& step : steps_) {
            const std::vector<Port>& ports = member_of(step.declared).signature.inputs;
            for (std::size_t port = 0; port < ports.size(); ++port) {
                for (const std::size_t value : step.inputs[port]) {
                    HF_TRY(fit(value, ports[port], read)
                               .context("{}/inputs/{}", at(step.declared), ports[port].name));
                }
            }
        }
        for (std::size_t i = 0; i < declaration_.inputs.size(); ++i) {
            Value& value = values_[i];
            if (!value.typed) {
                return invalid_argument(
                    "{}: no step reads '{}', so that its datatype and shape must be said", value.at,
                    value.type.name);
            }
            plan_.signature.inputs.push_back(value.type);
        }
        return {};
    }

    Status fit(std::size_t index, const Port& port, std::vector<bool>& read) {
        Value& value = values_[index];
        if (!value.by && !read[index]) {
            const Input& input = declaration_.inputs[index];
            if (!input.dtype) value.type.dtype = port.dtype;
            if (!input.shape) value.type.shape = port.shape;
            value.typed = true;
            read[index] = true;
        }
        const std::optional<Shape> shape = narrow(value.type.shape, port.shape);
        if (value.type.dtype != port.dtype || !shape) {
            return invalid_argument("the model wants {}, and '{}' is {}", describe(port),
                                    value.type.name, describe(value.type));
        }
        if (!value.by) value.type.shape = *shape;
        return {};
    }

    // The tests of what is read.
    Result<Tests> tests_of(const Plan::Source& source, const std::string& place) const {
        std::vector<Tests> alternatives;
        for (const std::size_t value : source) alternatives.push_back(values_[value].tests);
        const bool by_row = source.size() > 1 &&
                            std::any_of(alternatives.begin(), alternatives.end(), has_row_test);
        Shape row = values_[source.front()].type.shape;
        for (const std::size_t value : source) {
            if (!by_row) break;
            const Port& type = values_[value].type;
            const std::optional<Shape> both = narrow(row, type.shape);
            if (!first_is_open(type.shape) || !both) {
                return invalid_argument(
                    "{}: rows of '{}' and of '{}' cannot be put together: {} and {}", place,
                    values_[source.front()].type.name, type.name,
                    describe(values_[source.front()].type), describe(type));
            }
            row = *both;
        }
        std::optional<Tests> tests = first_of(alternatives);
        if (tests) return std::move(*tests);
        return invalid_argument(
            "{}: it may be that none of these is computed; end the list with one that always is",
            place);
    }

    Status condition(std::size_t i) {
        Plan::Step& step = steps_[i];
        const Member& member = member_of(i);
        Tests tests;
        bool open =
            first_are_open(member.signature.inputs) && first_are_open(member.signature.outputs);
        for (std::size_t port = 0; port < step.inputs.size(); ++port) {
            const std::string place = at(i) + "/inputs/" + member.signature.inputs[port].name;
            tests.merge(HF_TRY(tests_of(step.inputs[port], place)));
            for (const std::size_t value : step.inputs[port]) {
                open = open && first_is_open(values_[value].type.shape);
            }
        }
        if (step.when) HF_TRY(add_test(i, tests, open));
        step.by_row = has_row_test(tests);
        if (step.by_row && !open) {
            return invalid_argument(
                "{}: it runs for some rows of a request, and the first extent of all that it reads "
                "and makes is not open; say \"by\": \"request\" where that is decided",
                at(i));
        }
        if (step.by_row && !member.rows_apart) {
            return invalid_argument(
                "{}: it runs for some rows of a request, and '{}' does not answer a row in a batch "
                "as it would alone; say \"by\": \"request\" where that is decided",
                at(i), step.model);
        }
        for (const auto& value : step.outputs) {
            if (value) values_[*value].tests = tests;
        }
        return {};
    }

    // What the step's own condition adds.
    Status add_test(std::size_t i, Tests& tests, bool open) {
        Test& test = *steps_[i].when;
        const Value& value = values_[test.value];
        const std::string place = at(i) + "/when";
        const bool rows = open && first_is_open(value.type.shape);
        test.by_row = declaration_.steps[i].when->by_row.value_or(rows);
        if (test.by_row && !rows) {
            return invalid_argument(
                "{}/by: the first extent of all that is read and made here is not open; say "
                "\"request\"",
                place);
        }
        if (!test.by_row && has_row_test(value.tests)) {
            return invalid_argument(
                "{}: '{}' is computed for some rows only, so that it says nothing of a whole "
                "request; say \"by\": \"row\"",
                place, value.type.name);
        }
        HF_TRY(check_measure(value.type, test).context("{}", place));
        tests.insert(value.tests.begin(), value.tests.end());
        if (tests.contains(test.opposite())) {
            return invalid_argument("{}: never holds where what the step reads is computed", place);
        }
        tests.insert(test);
        return {};
    }

    Status describe_outputs() {
        for (std::size_t i = 0; i < plan_.outputs.size(); ++i) {
            const auto& [name, source] = declaration_.outputs[i];
            const Tests tests = HF_TRY(tests_of(plan_.outputs[i], source.at));
            if (!tests.empty()) {
                return invalid_argument(
                    "{}: it may be that '{}' is not computed; end a list with one that always is",
                    source.at, source.values.back());
            }
            Port type = values_[plan_.outputs[i].front()].type;
            for (const std::size_t value : plan_.outputs[i]) {
                const Port& other = values_[value].type;
                if (other.dtype != type.dtype || other.shape.rank() != type.shape.rank()) {
                    return invalid_argument("{}: '{}' is {}, and '{}' is {}", source.at, type.name,
                                            describe(type), other.name, describe(other));
                }
                type.shape = widen(type.shape, other.shape);
            }
            plan_.signature.outputs.push_back({name, type.dtype, type.shape});
        }
        return {};
    }

    Status bound() {
        std::map<std::size_t, std::size_t> levels;
        for (const Plan::Step& step : steps_) {
            const Member& member = member_of(step.declared);
            plan_.depth = std::max(plan_.depth, member.depth + 1);
            plan_.runs += member.runs;
            plan_.width = std::max(plan_.width, ++levels[step.level]);
        }
        if (plan_.depth > kDepthMax) {
            return resource_exhausted("/steps: ensembles of ensembles are {} deep; the limit is {}",
                                      plan_.depth, kDepthMax);
        }
        if (plan_.runs > kRunsMax) {
            return resource_exhausted(
                "/steps: one request would run {} models, with those of ensembles in it; the limit "
                "is {}",
                plan_.runs, kRunsMax);
        }
        return {};
    }

    const Declaration& declaration_;
    const Members& members_;
    std::vector<Value> values_;
    std::map<std::string, std::size_t, std::less<>> names_;
    std::vector<Plan::Step> steps_;  // as declared
    std::vector<std::size_t> order_;
    Plan plan_;
};

}  // namespace

Result<Plan> make_plan(const Declaration& declaration, const Members& members) {
    return Planner(declaration, members).make();
}

}  // namespace hf::serve::ensemble
