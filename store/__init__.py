"""存储：数据库引擎、表结构与迁移、个人信息加密。

Database engine, schema, migrations, encryption of personal data. May import ``config``.
"""
