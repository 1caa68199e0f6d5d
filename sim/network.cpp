#include "sim/network.h"

namespace hf::sim {

using namespace std::chrono_literals;

Duration Network::latency() {
    Dice& dice = context_.dice;
    if (dice.strikes(Fault::kMessageSlow, 1, 60)) return dice.between(200ms, 4s);
    return dice.between(1ms, 30ms);
}

void Network::cut(const std::string& node) {
    cut_[node] = true;
    if (on_cut) on_cut(node);
}

void Network::call(const std::string& node, const std::function<Status()>& at_server,
                   const std::function<void(const Status&)>& at_node) {
    Timeline& time = context_.time;
    if (is_cut(node)) {
        time.after(kConnectTimeout, [=] { at_node(unavailable("cannot connect")); });
        return;
    }
    if (context_.dice.strikes(Fault::kMessageLost, 1, 100)) {
        time.after(kAnswerTimeout, [=] { at_node(deadline_exceeded("no answer")); });
        return;
    }
    time.after(latency(), [=, this, &time] {
        const Status answer = at_server();
        if (context_.dice.strikes(Fault::kMessageTwice, 1, 100)) {
            time.after(latency(), [at_server] {
                const Status ignored = at_server();
                (void)ignored;
            });
        }
        if (is_cut(node) || context_.dice.strikes(Fault::kAnswerLost, 1, 60)) {
            time.after(kAnswerTimeout, [=] { at_node(deadline_exceeded("no answer")); });
            return;
        }
        time.after(latency(), [=] { at_node(answer); });
    });
}

}  // namespace hf::sim
