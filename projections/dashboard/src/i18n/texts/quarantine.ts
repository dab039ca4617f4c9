import type { Texts } from '../shape'

/** Reports that could not be read or placed. */
export const zh = {
  quarantine: {
    title: '隔离区',
    lead: '已保存但无法读取或归位的报告。',
    empty: '隔离区是空的',
    emptyFilter: '没有因此原因被隔离的报告',
    emptyHint: '所有报告均已读取并归位。',
    received: '接收时间',
    reason: '原因',
    anyReason: '任意原因',
    patient: '患者',
    report: '报告',
    position: '位置',
    sender: '发送者',
    reasons: {
      unreadable: '无法读取',
      unattributed: '无发送者信息',
      misrouted: '投递位置有误',
      unknown_patient: '未知患者',
      out_of_scope: '发送者无权限',
      unknown_instrument: '未知问卷',
      outside_consent: '超出知情同意期',
      conflict: '编号相同而内容不同',
      refused_by_database: '被数据库拒绝',
    },
  },
}

export const en: Texts<typeof zh> = {
  quarantine: {
    title: 'Quarantine',
    lead: 'Reports that are kept, but could not be read or placed.',
    empty: 'Nothing is in quarantine',
    emptyFilter: 'Nothing is in quarantine for this reason',
    emptyHint: 'Every report could be read and placed.',
    received: 'Received',
    reason: 'Reason',
    anyReason: 'Any reason',
    patient: 'Patient',
    report: 'Report',
    position: 'Position',
    sender: 'Sender',
    reasons: {
      unreadable: 'Unreadable',
      unattributed: 'No sender',
      misrouted: 'Misrouted',
      unknown_patient: 'Unknown patient',
      out_of_scope: 'Sender out of scope',
      unknown_instrument: 'Unknown questionnaire',
      outside_consent: 'Outside consent',
      conflict: 'Same id, other content',
      refused_by_database: 'Refused by the database',
    },
  },
}
