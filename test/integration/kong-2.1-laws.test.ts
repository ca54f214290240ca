import { testLaws } from "./kong-laws.ts";

testLaws("2.1.4");
