/** One reply that asks for time, and what every client makes of it. */
export interface RetryAfterCase {
  name: string;
  retryAfter: string;
  date: string;
  seconds: number;
}

const date = "Sun, 06 Nov 1994 08:49:37 GMT";
const day = 86_400;

/** The one table for the program and the three script agents. */
export const retryAfterCases: RetryAfterCase[] = [
  { name: "seconds", retryAfter: "120", date, seconds: 120 },
  { name: "seconds, and no date", retryAfter: "120", date: "", seconds: 120 },
  { name: "no seconds", retryAfter: "0", date, seconds: 0 },
  { name: "no seconds in two digits", retryAfter: "00", date, seconds: 0 },
  { name: "leading zeros", retryAfter: "000000000120", date, seconds: 120 },
  { name: "nine digits", retryAfter: "999999999", date, seconds: day },
  { name: "eleven digits", retryAfter: "99999999999", date, seconds: day },
  { name: "five thousand digits", retryAfter: "9".repeat(5000), date, seconds: day },
  { name: "a day and a second", retryAfter: "86401", date, seconds: day },
  { name: "spaces around", retryAfter: "  120 \t", date, seconds: 120 },
  { name: "a fraction", retryAfter: "1.5", date, seconds: 0 },
  { name: "less than nothing", retryAfter: "-120", date, seconds: 0 },
  { name: "an exponent", retryAfter: "1e3", date, seconds: 0 },
  { name: "seconds with their unit", retryAfter: "120 s", date, seconds: 0 },
  { name: "nothing", retryAfter: "", date, seconds: 0 },
  { name: "a date", retryAfter: "Sun, 06 Nov 1994 08:51:37 GMT", date, seconds: 120 },
  { name: "a date beyond a month's end", retryAfter: "Thu, 01 Dec 1994 00:00:00 GMT", date, seconds: day },
  {
    name: "a date after a leap day",
    retryAfter: "Wed, 01 Mar 2000 00:00:30 GMT",
    date: "Tue, 29 Feb 2000 23:59:30 GMT",
    seconds: 60,
  },
  { name: "a date as RFC 850 has it", retryAfter: "Sunday, 06-Nov-94 08:51:37 GMT", date, seconds: 120 },
  {
    name: "a date as RFC 850 has it, in another century",
    retryAfter: "Saturday, 01-Jan-00 00:01:37 GMT",
    date: "Fri, 31 Dec 1999 23:59:37 GMT",
    seconds: 120,
  },
  { name: "a date as asctime has it", retryAfter: "Sun Nov  6 08:51:37 1994", date, seconds: 120 },
  {
    name: "both dates as asctime has them",
    retryAfter: "Wed Nov 16 08:51:37 1994",
    date: "Wed Nov 16 08:49:37 1994",
    seconds: 120,
  },
  { name: "a date in the past", retryAfter: "Sun, 06 Nov 1994 08:41:37 GMT", date, seconds: 0 },
  { name: "a date of far away", retryAfter: "Sun, 06 Nov 9994 08:49:37 GMT", date, seconds: day },
  {
    name: "a date, and no date to reckon from",
    retryAfter: "Sun, 06 Nov 1994 08:51:37 GMT",
    date: "",
    seconds: 0,
  },
  {
    name: "a date, and one that is none",
    retryAfter: "Sun, 06 Nov 1994 08:51:37 GMT",
    date: "today",
    seconds: 0,
  },
  { name: "a date of another standard", retryAfter: "1994-11-06T08:51:37Z", date, seconds: 0 },
  { name: "a date without its zone", retryAfter: "Sun, 06 Nov 1994 08:51:37", date, seconds: 0 },
  { name: "a date of no month", retryAfter: "Sun, 06 Nox 1994 08:51:37 GMT", date, seconds: 0 },
];
