import type { Texts } from '../shape'

/** Completion by site, window and day. */
export const zh = {
  compliance: {
    title: '中心依从性',
    lead: '按中心、窗口和日期查看应填与实填。',
    from: '开始',
    to: '结束',
    csv: '下载 CSV',
    bySite: '各中心完成率',
    byDay: '每日完成率：{site}',
    day: '日期',
    drill: '查看 {site} 的每日情况',
    back: '全部中心',
    empty: '这些日期没有应填的窗口',
    emptyHint: '请选择其他日期。',
    rate: '完成率',
    due: '应填',
    dueHint: '只计已开放的窗口，尚未开始的不计。',
    chartLabel: '各中心完成率（百分比），表格中有相同数据。',
    chartLabelDay: '每日完成率（百分比），表格中有相同数据。',
    invalid: '开始日期不能晚于结束日期。',
    tooLong: '一次最多显示 {days} 天，请缩短日期范围。',
  },
}

export const en: Texts<typeof zh> = {
  compliance: {
    title: 'Site compliance',
    lead: 'How much of what was expected came in, by site, window and day.',
    from: 'From',
    to: 'To',
    csv: 'Download CSV',
    bySite: 'Completion by site',
    byDay: 'Completion by day: {site}',
    day: 'Day',
    drill: 'Show days of {site}',
    back: 'All sites',
    empty: 'Nothing was expected in these days',
    emptyHint: 'Choose other days.',
    rate: 'Completion',
    due: 'Due',
    dueHint: 'Windows that have opened; those that are still to come do not count.',
    chartLabel: 'Completion in percent by site; the table has the same numbers.',
    chartLabelDay: 'Completion in percent by day; the table has the same numbers.',
    invalid: 'The first day must not lie after the last.',
    tooLong: 'At most {days} days can be shown at once. Choose fewer.',
  },
}
