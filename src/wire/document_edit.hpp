// Small changes to JSON that others wrote and others will read: everything else in it stays as it was.
#pragma once
#include "base/result.hpp"
#include "wire/document_node.hpp"

#include <string_view>

namespace paddler {

// parse_json, and no key stands twice in one object: which of the two counts differs from reader to reader. Errors: as
// parse_json, invalid_input.
result<document_node> parse_unambiguous_json(std::string_view text, document_limits limits = {});

// An object's item of that key; null where there is none. Of null, and of what is no object: null.
document_node* item_of(document_node* object, std::string_view key);
document_node const* item_of(document_node const* object, std::string_view key);

// As the above, and a null counts as left out.
document_node const* value_of(document_node const* object, std::string_view key);

// Replaces the item where it stands, or adds it at the end.
void set_item(document_node& object, std::string_view key, document_node value);

// Whether there was one.
bool remove_item(document_node& object, std::string_view key);

// RFC 7396, section 2: what the patch names is replaced, what it has null for is removed, all else stays. The order of
// keys means nothing. What is wrong in the patch is wrong in the result.
void apply_merge_patch(document_node& target, document_node const& patch);

} // namespace paddler
