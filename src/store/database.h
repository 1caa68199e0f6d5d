// The one adapter around SQLite: a connection and prepared statements that answer with Status.
// Not thread-safe: the store that owns it guards it.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hf::store {

// A prepared statement. bind() counts from 1; columns from 0.
class Statement final {
public:
    Statement& bind(int index, std::int64_t value);
    Statement& bind(int index, std::string_view bytes);  // as a blob; bytes must live until reset

    // True when there is a row. On false and on error the statement is reset.
    Result<bool> step();
    Status run();  // steps to the end

    std::int64_t integer(int column) const;
    std::string bytes(int column) const;

    void reset();

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database final {
public:
    static Result<Database> open(const std::string& path);

    // Statements without parameters or rows, separated by ";".
    Status execute(const char* sql);
    Result<Statement> prepare(std::string_view sql);

private:
    struct Close {
        void operator()(sqlite3* connection) const;
    };
    std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace hf::store
