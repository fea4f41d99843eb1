// The smallest document that a JSON Schema accepts, for schemas as structured outputs and tools use them. Pure.
#pragma once
#include "core/engine/hash_chain.hpp"

#include <boost/json/value.hpp>

#include <string_view>

namespace paddler {

// Objects get their required properties (all of them where `required` is absent), arrays their least number of items,
// numbers their least value, and texts a word of `words`, or `subject` where that is not empty. Understood: type (also
// as a list), properties, required, items, prefixItems, minItems, enum, const, default, minimum, exclusiveMinimum,
// multipleOf, minLength, anyOf, oneOf, allOf, $ref within the document. Deeper than 32 levels it gives null.
boost::json::value smallest_document(boost::json::value const& schema, hash_chain& words,
                                     std::string_view subject = {});

} // namespace paddler
