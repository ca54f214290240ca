import { testLaws } from "./kong-laws.ts";

testLaws("2.8.5");
