"""Countries grouped into regions, for those with too few events to have a trend of their own."""

#: A country with fewer counted events than this in the last 7 days is shown its region's trend.
MIN_COUNTRY_EVENTS = 100

_REGIONS = {
    "africa": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA MG ML MR MU "
    "MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
    "antarctica": "AQ BV GS HM",
    "asia": "AE AF AM AZ BD BH BN BT CC CN CX CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY "
    "NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    "europe": "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD "
    "ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    "north-america": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM "
    "PR SV SX TC TT US VC VG VI",
    "oceania": "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "south-america": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}
REGION_OF: dict[str, str] = {country: region for region, countries in _REGIONS.items() for country in countries.split()}
COUNTRIES_OF: dict[str, frozenset[str]] = {region: frozenset(codes.split()) for region, codes in _REGIONS.items()}

if len(REGION_OF) != sum(map(len, COUNTRIES_OF.values())):
    raise AssertionError("a country is in two regions")
