// SPDX-License-Identifier: Apache-2.0
// Dates: the three formats, what is none, and the year of two digits.
#include "provision-proxy/http/date.hh"

#include <gtest/gtest.h>

namespace holdfast::provision {
namespace {

constexpr int64_t kNow = 1764000000;  // Mon, 24 Nov 2025 16:00:00 GMT

TEST(Date, Reads) {
  const struct {
    const char* name;
    const char* text;
    int64_t unix_s;
  } rows[] = {
      {"9110-5.6.7 IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
      {"9110-5.6.7 RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
      {"9110-5.6.7 asctime, one digit", "Sun Nov  6 08:49:37 1994", 784111777},
      {"asctime, two digits", "Wed Nov 16 08:49:37 1994", 784975777},
      {"the beginning", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"before it", "Wed, 31 Dec 1969 23:59:59 GMT", -1},
      {"past 32 bits", "Tue, 19 Jan 2038 14:14:08 GMT", 2147523248},
      {"far ahead", "Sun, 21 Nov 2286 04:46:39 GMT", 10000039599},
      {"a leap day", "Sat, 29 Feb 2020 00:00:00 GMT", 1582934400},
      {"a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
      {"9111-4.2 words in any case", "THU, 18 AUG 2050 02:01:18 gmt", 2544400878},
      {"9111-4.2 RFC 850 in any case", "thursday, 18-aug-50 02:01:18 GmT", 2544400878},
      {"a wrong day of the week", "Thu Aug  8 02:01:18 2050", 2543536878},
      {"9110-5.6.7 two digits, within 50 years", "Friday, 01-Jan-75 00:00:00 GMT", 3313526400},
      {"9110-5.6.7 two digits, more than 50 years", "Friday, 01-Jan-76 00:00:00 GMT", 189302400},
      {"the first year", "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200},
      {"the last year", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_http_date(row.text, kNow), row.unix_s) << row.name;
}

TEST(Date, Refuses) {
  for (const char* text : {
           "",
           "0",
           "-1",
           "now",
           "784111777",
           "Sun, 06 Nov 1994 08:49:37",         // no zone
           "Sun, 06 Nov 1994 08:49:37 UTC",     // 9111-4.2: only GMT
           "Sun, 06 Nov 1994 08:49:37 AEST",    //
           "Sun, 06 Nov 1994 08:49:37 +0000",   //
           "Sun, 06 Nov 1994 08:49:37 GMT ",    // something behind
           "Sun, 06 Nov 1994 08:49:37 GMTx",    //
           " Sun, 06 Nov 1994 08:49:37 GMT",    //
           "Sun 06 Nov 1994 08:49:37 GMT",      // no comma
           "Sun,06 Nov 1994 08:49:37 GMT",      // no blank
           "Sun, 06  Nov  1994 08:49:37 GMT",   // two
           "Sun, 06-Nov-1994 08:49:37 GMT",     // of two formats
           "Sun, 06 Nov 94 08:49:37 GMT",       //
           "Sun, 6 Nov 1994 08:49:37 GMT",      // one digit
           "Sun, 06 Nov 1994 8:49:37 GMT",      //
           "Sun, 06 Nov 1994 08.49.37 GMT",     //
           "Sun, 06 Nov 1994 24:00:00 GMT",     // no such time
           "Sun, 06 Nov 1994 08:60:00 GMT",     //
           "Sun, 06 Nov 1994 08:49:61 GMT",     //
           "Sun, 00 Nov 1994 08:49:37 GMT",     // no such day
           "Wed, 31 Nov 1994 08:49:37 GMT",     //
           "Tue, 29 Feb 2022 00:00:00 GMT",     //
           "Sun, 06 Nop 1994 08:49:37 GMT",     // no such month
           "Son, 06 Nov 1994 08:49:37 GMT",     // no such day of the week
           "Sun, +6 Nov 1994 08:49:37 GMT",     // signs
           "Sun, 06 Nov -994 08:49:37 GMT",     //
           "Sunday, 06-Nov-1994 08:49:37 GMT",  //
           "Sun Nov 6 08:49:37 1994",           // asctime fills with a blank
           "Sun Nov  6 08:49:37 1994 GMT",      //
       })
    EXPECT_EQ(parse_http_date(text, kNow), std::nullopt) << text;
}

TEST(Date, Writes) {
  EXPECT_EQ(format_http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(format_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_http_date(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(format_http_date(INT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(format_http_date(INT64_MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(Date, WhatIsWrittenIsRead) {
  for (int64_t at = -62167219200; at < 253402300799; at += 86400LL * 997 + 12347)
    EXPECT_EQ(parse_http_date(format_http_date(at), kNow), at);
}

}  // namespace
}  // namespace holdfast::provision
