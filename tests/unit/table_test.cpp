#include "libmcunet/support/table.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace mcunet;

TEST_CASE("columns are as wide as their widest cell") {
  Table table({{"layer"}, {"bytes", Align::Right}});
  table.add_row({"CONV_2D 112×112", "602,112"});
  table.add_row({"x", "1"});
  table.add_rule();
  table.add_row({"sum"});
  CHECK(table.to_string() ==
        "layer              bytes\n"
        "------------------------\n"
        "CONV_2D 112×112  602,112\n"
        "x                      1\n"
        "------------------------\n"
        "sum\n");
}

TEST_CASE("a table without titles has no head") {
  Table table({{""}, {""}});
  table.add_row({"a", "b"});
  CHECK(table.to_string() == "a  b\n");
}

TEST_CASE("the same table as CSV and Markdown") {
  Table table({{"name"}, {"size", Align::Right}});
  table.add_row({"a,\"b\"|c", "1"});
  table.add_rule();
  table.add_row({"", "2"});
  CHECK(table.to_csv() == "name,size\n\"a,\"\"b\"\"|c\",1\n,2\n");
  CHECK(table.to_markdown() == "| name | size |\n|---|--:|\n| a,\"b\"\\|c | 1 |\n|  | 2 |\n");
}

TEST_CASE("numbers are grouped") {
  CHECK(group_digits(0) == "0");
  CHECK(group_digits(999) == "999");
  CHECK(group_digits(1000) == "1,000");
  CHECK(group_digits(-1234567) == "-1,234,567");
  CHECK(group_digits(-999) == "-999");
  CHECK(group_digits(INT64_MIN) == "-9,223,372,036,854,775,808");
  CHECK(format_fixed(1234.56, 1) == "1,234.6");
  CHECK(format_fixed(0.5, 0) == "0");
  CHECK(format_fixed(-1234567.0, 0) == "-1,234,567");
  CHECK(format_fixed(INFINITY, 1) == "inf");
  CHECK(format_fixed(-INFINITY, 1) == "-inf");
  CHECK(format_fixed(NAN, 1).find("nan") != std::string::npos);
}

TEST_CASE("bytes come with KiB beside") {
  CHECK(format_bytes(402112) == "402,112 B (392.7 KiB)");
  CHECK(format_bytes(1024) == "1,024 B (1.0 KiB)");
  CHECK(format_bytes(1023) == "1,023 B");
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(4 << 20) == "4,194,304 B (4,096.0 KiB)");
  CHECK(format_bytes(-74432) == "-74,432 B (-72.7 KiB)");
}
