// The management API's description (OpenAPI 3.1), made from its table of routes and from the structs that it answers
// with. What each operation means stands in openapi.cpp; a test holds both against each other.
#pragma once
#include "net/router.hpp"
#include "wire/document_node.hpp"

#include <span>
#include <string>
#include <vector>

namespace paddler {

document_node openapi_document(std::span<route const> rows);

// The operations that are described, by their ids.
std::vector<std::string> described_operations();

// The routes and one more, which answers with the description of them all.
std::vector<route> with_openapi(std::vector<route> rows);

} // namespace paddler
