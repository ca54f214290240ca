import { testLaws } from "./kong-laws.ts";

testLaws("3.4.2", "dbless");
