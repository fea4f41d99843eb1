// JSON Schemas (2020-12, as OpenAPI 3.1 uses them) of described values: what wire/mapper.hpp writes, and takes.
//
//   schema_collection schemas;
//   document_node const ref = schemas.add<agent_view>();   // {"$ref": "#/components/schemas/agent_view"}
//
// A struct's members are required where they are always written: all but optional ones, lists, and structs that may be
// empty().
#pragma once
#include "base/ids.hpp"
#include "base/time.hpp"
#include "wire/document_node.hpp"
#include "wire/mapper.hpp"

#include <boost/mp11/algorithm.hpp>
#include <boost/type_index.hpp>

#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace paddler {

namespace detail {

document_node schema_of_type(std::string type);

template <class T> struct schema_name {
  static std::string get() {
    auto name = boost::typeindex::type_id<T>().pretty_name();
    auto const colon = name.rfind(':');
    return colon == std::string::npos ? name : name.substr(colon + 1);
  }
};

template <class T> inline constexpr bool is_list = false;
template <class T> inline constexpr bool is_list<std::vector<T>> = true;
template <class T> inline constexpr bool may_be_left_out = may_be_empty<T> || is_list<T>;
template <class T> inline constexpr bool may_be_left_out<std::optional<T>> = true;

} // namespace detail

// Named schemas, each there once. Structs that hold each other are not understood.
class schema_collection {
public:
  // The schema of a T; structs are added and referred to by name.
  template <class T> document_node add() { return schema(std::type_identity<T>{}); }

  // An object of these properties, all required.
  static document_node object(std::vector<std::pair<std::string, document_node>> properties);
  static document_node list_of(document_node items);

  // All of them, by name.
  [[nodiscard]] document_node document() const;

private:
  static document_node schema(std::type_identity<bool>) { return detail::schema_of_type("boolean"); }

  static document_node schema(std::type_identity<std::string>) { return detail::schema_of_type("string"); }

  static document_node schema(std::type_identity<double>) { return detail::schema_of_type("number"); }

  static document_node schema(std::type_identity<wall_time>);
  static document_node schema(std::type_identity<field_value>);

  template <std::integral T> static document_node schema(std::type_identity<T>) {
    auto out = detail::schema_of_type("integer");
    if constexpr (std::is_unsigned_v<T>) out.add("minimum", number_node(0));
    return out;
  }

  template <class Tag> static document_node schema(std::type_identity<name_id<Tag>>) {
    return detail::schema_of_type("string");
  }

  template <class Tag> static document_node schema(std::type_identity<counter_id<Tag>>) {
    return schema(std::type_identity<std::uint64_t>{});
  }

  template <class T> document_node schema(std::type_identity<std::optional<T>>) { return add<T>(); }

  template <class T> document_node schema(std::type_identity<std::vector<T>>) { return list_of(add<T>()); }

  template <detail::described_enum T> static document_node schema(std::type_identity<T>) {
    auto words = list_node();
    for (auto const name : detail::enumerator_names<T>()) words.items.push_back(text_node(std::string(name)));
    auto out = detail::schema_of_type("string");
    out.add("enum", std::move(words));
    return out;
  }

  template <detail::described_struct T> document_node schema(std::type_identity<T>) {
    auto const name = detail::schema_name<T>::get();
    if (!schemas_.contains(name)) schemas_.insert_or_assign(name, members_of<T>());
    auto out = object_node();
    out.add("$ref", text_node("#/components/schemas/" + name));
    return out;
  }

  template <class T> document_node members_of() {
    auto properties = object_node();
    auto required = list_node();
    auto const add_member = [&]<class M>(char const* name, std::type_identity<M>) {
      properties.add(name, add<M>());
      if (!detail::may_be_left_out<M>) required.items.push_back(text_node(name));
    };
    boost::mp11::mp_for_each<detail::members_of<T>>([&](auto member) {
      using member_type = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      add_member(member.name, std::type_identity<member_type>{});
    });
    auto out = detail::schema_of_type("object");
    out.add("properties", std::move(properties));
    if (!required.items.empty()) out.add("required", std::move(required));
    return out;
  }

  std::map<std::string, document_node> schemas_;
};

} // namespace paddler
