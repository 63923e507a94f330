# What studies of rendered people choose on and compare on; nothing is learnt from either.
data = 'data/rendered_people'
study = dict(
    splits=dict(
        dev=dict(annotations=f'{data}/annotations/dev.json', images=f'{data}/dev'),
        test=dict(annotations=f'{data}/annotations/test.json', images=f'{data}/test'),
    ),
    choose_on='dev',
)
