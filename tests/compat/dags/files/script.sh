echo today is {{ ds }}
