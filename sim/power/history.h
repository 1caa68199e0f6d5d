// History: what a subject (subject.h) was asked to do and what it answered, against the operations
// of the disk under it, so that for every state of that disk it is known what must be there, what
// may be and what cannot.
//
// A deed has a name and perhaps a value ("tag pump:v1", its digest). It was begun once, or more
// often where it failed; it is promised from the operation on after which it was answered with OK.
//
// Owned by one thread.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "testing/disk.h"

namespace hf::power {

class History final {
public:
    explicit History(std::shared_ptr<const testing::Disk> disk) : disk_(std::move(disk)) {}

    struct Deed {
        std::size_t begun = 0;  // operations of the disk by then
        std::size_t done = kNever;
        std::size_t attempts = 0;
        std::string value;
    };

    template <typename F>
    Status act(const std::string& name, F deed) {
        begin(name);
        HF_TRY(deed());
        finish(name);
        return {};
    }
    void begin(const std::string& name);
    void finish(const std::string& name, std::string value = "");

    bool begun(const std::string& name) const { return deeds_.contains(name); }
    bool promised(const std::string& name) const;
    std::size_t attempts(const std::string& name) const;
    std::string value(const std::string& name) const;

    // What must and may be on a disk that the power left after so many operations; `disk` is what
    // goes on from there.
    History at(std::size_t operations, std::shared_ptr<const testing::Disk> disk) const;

    // How many are promised: two states with the same image differ by it.
    std::size_t promises() const;

private:
    static constexpr std::size_t kNever = static_cast<std::size_t>(-1);

    std::shared_ptr<const testing::Disk> disk_;
    std::map<std::string, Deed> deeds_;
};

}  // namespace hf::power
