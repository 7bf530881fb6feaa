import type { RegionTree } from './region-tree.js';

/** Roots are legal and economic areas; under them states by their ISO 3166-1 code. */
const states = {
  /** Member states of the European Union. */
  EU: 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK',
  /** European states outside of the Union. */
  EUROPE: 'AD AL BA BY CH FO GB GE GI GG IM IS JE LI MC MD ME MK NO RS RU SM UA VA XK AM AZ',
  /** The Americas. */
  AM: 'AG AI AR AW BB BL BM BO BQ BR BS BZ CA CL CO CR CU CW DM DO EC FK GD GF GL GP GT GY HN HT JM KN KY LC MF MQ MS MX NI PA PE PM PR PY SR SV SX TC TT US UY VC VE VG VI',
  /** Asia and the Pacific. */
  AP: 'AF AS AU BD BN BT CC CK CN CX FJ FM GU HK ID IN JP KG KH KI KP KR KZ LA LK MH MM MN MO MP MV MY NC NF NP NR NU NZ PF PG PH PK PN PW SB SG TH TJ TK TL TM TO TV TW UZ VN VU WF WS',
  /** Africa. */
  AF: 'AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW',
  /** The Middle East. */
  ME: 'AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE',
} as const;

/** The regions that policies may name. */
export const knownRegions: RegionTree = Object.fromEntries(
  Object.entries(states).map(([root, codes]) => [root, Object.fromEntries(codes.split(' ').map((code) => [code, {}]))]),
);
