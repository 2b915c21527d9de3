/* Every operator the compiler knows, and why others are refused.
 *
 * ALU operations per output element (the four numbers of a row, add, mul, div, special): an
 * addition, comparison, selection or logic operation is an `add`; exp, log, sqrt, erf, tanh,
 * sigmoid, sin, ... are one `special` each. Formulas: the operators' definitions at
 * onnx.ai/onnx/operators (HardSwish x * max(0, min(1, x/6 + 1/2)): 3 add, 2 mul; Gelu
 * x/2 (1 + erf(x/sqrt 2)): 1 add, 3 mul, 1 special; ...). Work that depends on sizes is counted in
 * lower_count.c. */
#include "sched/net_ops.h"

#include <string.h>

enum { MANY = 255 };

/* Sorted by domain and name (strcmp): looked up by bisection. */
/* clang-format off */
static const cim_cc_net_def defs[] = {
    {"Abs", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Acos", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Acosh", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Add", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"And", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"ArgMax", 1, 1, 1, cim_cc_infer_arg, NULL,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"ArgMin", 1, 1, 1, cim_cc_infer_arg, NULL,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"Asin", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Asinh", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Atan", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Atanh", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"AveragePool", 1, 1, 1, cim_cc_infer_pool, NULL,
     CIM_CC_WORK_POOL, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_FIRST, false},
    {"BatchNormalization", 5, 5, 5, cim_cc_infer_batch_norm, NULL,
     CIM_CC_WORK_ELEMENT, 1, 1, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"BitShift", 2, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"BitwiseAnd", 2, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"BitwiseNot", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"BitwiseOr", 2, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"BitwiseXor", 2, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"Cast", 1, 1, 1, cim_cc_infer_cast, cim_cc_fold_cast,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"CastLike", 2, 2, 1, cim_cc_infer_cast_like, cim_cc_fold_cast,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Ceil", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Celu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 1, 1, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Clip", 1, 3, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_CLIP, false},
    {"Compress", 2, 2, 1, cim_cc_infer_compress, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"Concat", 1, MANY, 1, cim_cc_infer_concat, cim_cc_fold_concat,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_CONCAT, CIM_CC_SIGN_ALL, false},
    {"Constant", 0, 0, 1, cim_cc_infer_constant, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_ANY, false},
    {"ConstantOfShape", 1, 1, 1, cim_cc_infer_constant_of_shape, cim_cc_fold_fill,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_ANY, false},
    {"Conv", 2, 3, 1, cim_cc_infer_conv, NULL,
     CIM_CC_WORK_CONV, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_ANY, false},
    {"ConvInteger", 2, 4, 1, cim_cc_infer_conv, NULL,
     CIM_CC_WORK_CONV, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_ANY, false},
    {"ConvTranspose", 2, 3, 1, cim_cc_infer_conv_transpose, NULL,
     CIM_CC_WORK_CONV_TRANSPOSE, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW_TRANSPOSE, CIM_CC_SIGN_ANY, false},
    {"Cos", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Cosh", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"CumSum", 2, 2, 1, cim_cc_infer_same, cim_cc_fold_cumsum,
     CIM_CC_WORK_SCAN, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_FIRST, false},
    {"DepthToSpace", 1, 1, 1, cim_cc_infer_depth_to_space, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCALE, CIM_CC_SIGN_FIRST, false},
    {"DequantizeLinear", 2, 3, 1, cim_cc_infer_dequantize, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Div", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 1, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"Dropout", 1, 3, 2, cim_cc_infer_same, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"DynamicQuantizeLinear", 1, 1, 3, cim_cc_infer_quantize_dynamic, NULL,
     CIM_CC_WORK_QUANTIZE_DYNAMIC, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"Einsum", 1, 2, 1, cim_cc_infer_einsum, NULL,
     CIM_CC_WORK_EINSUM, 0, 0, 0, 0, CIM_CC_FLOW_EINSUM, CIM_CC_SIGN_ANY, false},
    {"Elu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 1, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Equal", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Erf", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Exp", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Expand", 2, 2, 1, cim_cc_infer_expand, cim_cc_fold_expand,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"EyeLike", 1, 1, 1, cim_cc_infer_eye_like, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_NEVER, false},
    {"Flatten", 1, 1, 1, cim_cc_infer_flatten, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_RESHAPE, CIM_CC_SIGN_FIRST, false},
    {"Floor", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Gather", 2, 2, 1, cim_cc_infer_gather, cim_cc_fold_gather,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_GATHER, CIM_CC_SIGN_FIRST, false},
    {"GatherElements", 2, 2, 1, cim_cc_infer_gather_elements, cim_cc_fold_gather_elements,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"GatherND", 2, 2, 1, cim_cc_infer_gather_nd, cim_cc_fold_gather_nd,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"Gelu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 3, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Gemm", 2, 3, 1, cim_cc_infer_gemm, NULL,
     CIM_CC_WORK_GEMM, 0, 0, 0, 0, CIM_CC_FLOW_PRODUCT, CIM_CC_SIGN_ANY, false},
    {"GlobalAveragePool", 1, 1, 1, cim_cc_infer_global_pool, NULL,
     CIM_CC_WORK_GLOBAL_POOL, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"GlobalLpPool", 1, 1, 1, cim_cc_infer_global_pool, NULL,
     CIM_CC_WORK_GLOBAL_POOL, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"GlobalMaxPool", 1, 1, 1, cim_cc_infer_global_pool, NULL,
     CIM_CC_WORK_GLOBAL_POOL, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"Greater", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"GreaterOrEqual", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"GroupNormalization", 3, 3, 1, cim_cc_infer_instance_norm, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, false},
    {"HardSigmoid", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 3, 1, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"HardSwish", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 3, 2, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Hardmax", 1, 1, 1, cim_cc_infer_axis, NULL,
     CIM_CC_WORK_SOFTMAX, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_NEVER, false},
    {"Identity", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"InstanceNormalization", 3, 3, 1, cim_cc_infer_instance_norm, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, false},
    {"IsInf", 1, 1, 1, cim_cc_infer_bool, NULL,
     CIM_CC_WORK_ELEMENT, 2, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"IsNaN", 1, 1, 1, cim_cc_infer_bool, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"LRN", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_LRN, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"LayerNormalization", 2, 3, 3, cim_cc_infer_layer_norm, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, false},
    {"LeakyRelu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 1, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Less", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"LessOrEqual", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Log", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"LogSoftmax", 1, 1, 1, cim_cc_infer_axis, NULL,
     CIM_CC_WORK_SOFTMAX, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, false},
    {"LpNormalization", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_FIRST, false},
    {"LpPool", 1, 1, 1, cim_cc_infer_pool, NULL,
     CIM_CC_WORK_POOL, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_NEVER, false},
    {"MatMul", 2, 2, 1, cim_cc_infer_matmul, NULL,
     CIM_CC_WORK_MATMUL, 0, 0, 0, 0, CIM_CC_FLOW_PRODUCT, CIM_CC_SIGN_ANY, false},
    {"MatMulInteger", 2, 4, 1, cim_cc_infer_matmul, NULL,
     CIM_CC_WORK_MATMUL, 0, 0, 0, 0, CIM_CC_FLOW_PRODUCT, CIM_CC_SIGN_ANY, false},
    {"Max", 1, MANY, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_VARIADIC, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_SOME, false},
    {"MaxPool", 1, 1, 2, cim_cc_infer_pool, NULL,
     CIM_CC_WORK_POOL, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_FIRST, false},
    {"MaxRoiPool", 2, 2, 1, cim_cc_infer_max_roi_pool, NULL,
     CIM_CC_WORK_ROI, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"Mean", 1, MANY, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_VARIADIC, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"MeanVarianceNormalization", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, false},
    {"Min", 1, MANY, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_VARIADIC, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"Mish", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 1, 0, 3, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Mod", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 1, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"Mul", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 1, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_SQUARE, false},
    {"Neg", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"NonZero", 1, 1, 1, cim_cc_infer_nonzero, cim_cc_fold_nonzero,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_NEVER, false},
    {"Not", 1, 1, 1, cim_cc_infer_bool, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"OneHot", 3, 3, 1, cim_cc_infer_onehot, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_ANY, false},
    {"Or", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"PRelu", 2, 2, 1, cim_cc_infer_prelu, NULL,
     CIM_CC_WORK_ELEMENT, 1, 1, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Pad", 1, 4, 1, cim_cc_infer_pad, cim_cc_fold_pad,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_PAD, CIM_CC_SIGN_PAD, false},
    {"Pow", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_POW, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_POW, false},
    {"QLinearConv", 8, 9, 1, cim_cc_infer_conv, NULL,
     CIM_CC_WORK_CONV, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_ANY, false},
    {"QLinearMatMul", 8, 8, 1, cim_cc_infer_matmul, NULL,
     CIM_CC_WORK_MATMUL, 0, 0, 0, 0, CIM_CC_FLOW_PRODUCT, CIM_CC_SIGN_ANY, false},
    {"QuantizeLinear", 2, 3, 1, cim_cc_infer_quantize, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Range", 3, 3, 1, cim_cc_infer_range, cim_cc_fold_range,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_ANY, false},
    {"Reciprocal", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 1, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"ReduceL1", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"ReduceL2", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"ReduceLogSum", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_ANY, false},
    {"ReduceLogSumExp", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_ANY, false},
    {"ReduceMax", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"ReduceMean", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"ReduceMin", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"ReduceProd", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"ReduceSum", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_FIRST, false},
    {"ReduceSumSquare", 1, 2, 1, cim_cc_infer_reduce, cim_cc_fold_reduce,
     CIM_CC_WORK_REDUCE, 0, 0, 0, 0, CIM_CC_FLOW_REDUCE, CIM_CC_SIGN_NEVER, false},
    {"Relu", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Reshape", 2, 2, 1, cim_cc_infer_reshape, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_RESHAPE, CIM_CC_SIGN_FIRST, false},
    {"Resize", 1, 4, 1, cim_cc_infer_resize, NULL,
     CIM_CC_WORK_RESIZE, 0, 0, 0, 0, CIM_CC_FLOW_SCALE, CIM_CC_SIGN_RESIZE, false},
    {"RoiAlign", 3, 3, 1, cim_cc_infer_roi_align, NULL,
     CIM_CC_WORK_ROI, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_FIRST, false},
    {"Round", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Scatter", 3, 3, 1, cim_cc_infer_scatter, cim_cc_fold_scatter,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCATTER, CIM_CC_SIGN_ANY, false},
    {"ScatterElements", 3, 3, 1, cim_cc_infer_scatter, cim_cc_fold_scatter,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCATTER, CIM_CC_SIGN_ANY, false},
    {"ScatterND", 3, 3, 1, cim_cc_infer_scatter_nd, cim_cc_fold_scatter_nd,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCATTER, CIM_CC_SIGN_ANY, false},
    {"Selu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 2, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Shape", 1, 1, 1, cim_cc_infer_shape, cim_cc_fold_shape,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_NEVER, false},
    {"Shrink", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Sigmoid", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Sign", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Sin", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Sinh", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Size", 1, 1, 1, cim_cc_infer_size, cim_cc_fold_shape,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_FULL, CIM_CC_SIGN_NEVER, false},
    {"Slice", 1, 5, 1, cim_cc_infer_slice, cim_cc_fold_slice,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SLICE, CIM_CC_SIGN_FIRST, false},
    {"Softmax", 1, 1, 1, cim_cc_infer_axis, NULL,
     CIM_CC_WORK_SOFTMAX, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_NEVER, false},
    {"Softplus", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 2, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Softsign", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 2, 0, 1, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"SpaceToDepth", 1, 1, 1, cim_cc_infer_space_to_depth, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCALE, CIM_CC_SIGN_FIRST, false},
    {"Split", 1, 2, MANY, cim_cc_infer_split, cim_cc_fold_split,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SPLIT, CIM_CC_SIGN_FIRST, false},
    {"Sqrt", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Squeeze", 1, 2, 1, cim_cc_infer_squeeze, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_RESHAPE, CIM_CC_SIGN_FIRST, false},
    {"Sub", 2, 2, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Sum", 1, MANY, 1, cim_cc_infer_broadcast, cim_cc_fold_element,
     CIM_CC_WORK_VARIADIC, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ALL, false},
    {"Tan", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, false},
    {"Tanh", 1, 1, 1, cim_cc_infer_same, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 0, 0, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"ThresholdedRelu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"Tile", 2, 2, 1, cim_cc_infer_tile, cim_cc_fold_tile,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_SCALE, CIM_CC_SIGN_FIRST, false},
    {"TopK", 1, 2, 2, cim_cc_infer_topk, NULL,
     CIM_CC_WORK_TOPK, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_FIRST, false},
    {"Transpose", 1, 1, 1, cim_cc_infer_transpose, cim_cc_fold_transpose,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_TRANSPOSE, CIM_CC_SIGN_FIRST, false},
    {"Trilu", 1, 2, 1, cim_cc_infer_same, cim_cc_fold_trilu,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, false},
    {"Unsqueeze", 1, 2, 1, cim_cc_infer_unsqueeze, cim_cc_fold_copy,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_RESHAPE, CIM_CC_SIGN_FIRST, false},
    {"Upsample", 1, 2, 1, cim_cc_infer_resize, NULL,
     CIM_CC_WORK_RESIZE, 0, 0, 0, 0, CIM_CC_FLOW_SCALE, CIM_CC_SIGN_RESIZE, false},
    {"Where", 3, 3, 1, cim_cc_infer_where, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_DATA2, false},
    {"Xor", 2, 2, 1, cim_cc_infer_compare, cim_cc_fold_element,
     CIM_CC_WORK_ELEMENT, 1, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_NEVER, false},
    {"BiasGelu", 2, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 2, 3, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, true},
    {"DequantizeLinear", 2, 3, 1, cim_cc_infer_dequantize, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, true},
    {"FastGelu", 1, 2, 1, cim_cc_infer_broadcast, NULL,
     CIM_CC_WORK_ELEMENT, 2, 5, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_ANY, true},
    {"FusedConv", 2, 4, 1, cim_cc_infer_conv, NULL,
     CIM_CC_WORK_CONV, 0, 0, 0, 0, CIM_CC_FLOW_WINDOW, CIM_CC_SIGN_ANY, true},
    {"FusedGemm", 2, 3, 1, cim_cc_infer_gemm, NULL,
     CIM_CC_WORK_GEMM, 0, 0, 0, 0, CIM_CC_FLOW_PRODUCT, CIM_CC_SIGN_ANY, true},
    {"Gelu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 1, 3, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, true},
    {"QuantizeLinear", 2, 3, 1, cim_cc_infer_quantize, NULL,
     CIM_CC_WORK_MOVE, 0, 0, 0, 0, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, true},
    {"QuickGelu", 1, 1, 1, cim_cc_infer_same, NULL,
     CIM_CC_WORK_ELEMENT, 0, 2, 0, 1, CIM_CC_FLOW_ELEMENT, CIM_CC_SIGN_FIRST, true},
    {"SkipLayerNormalization", 3, 5, 4, cim_cc_infer_skip_layer_norm, NULL,
     CIM_CC_WORK_NORM, 0, 0, 0, 0, CIM_CC_FLOW_AXIS, CIM_CC_SIGN_ANY, true},
};
/* clang-format on */
enum { N_DEFS = sizeof defs / sizeof *defs };

static const char data_dependent[] =
    "the shape of its result depends on the data; only static networks are supported";
static const char control_flow[] = "control flow is not supported; export the network with its "
                                   "branches decided and loops unrolled";
static const char sequences[] = "sequences are not tensors; export the network without them";
static const char recurrent[] =
    "recurrent operators are not supported unless unrolled over time into Gemm and elementwise "
    "operators";
static const char random_values[] = "random numbers have no place in inference";
static const char text[] = "strings are not supported";

static const struct {
    const char *type, *why;
} refusals[] = {
    {"If", control_flow},
    {"Loop", control_flow},
    {"Scan", control_flow},
    {"LSTM", recurrent},
    {"GRU", recurrent},
    {"RNN", recurrent},
    {"SequenceAt", sequences},
    {"SequenceConstruct", sequences},
    {"SequenceEmpty", sequences},
    {"SequenceErase", sequences},
    {"SequenceInsert", sequences},
    {"SequenceLength", sequences},
    {"SequenceMap", sequences},
    {"SplitToSequence", sequences},
    {"ConcatFromSequence", sequences},
    {"Optional", sequences},
    {"OptionalGetElement", sequences},
    {"OptionalHasElement", sequences},
    {"NonMaxSuppression", data_dependent},
    {"Unique", data_dependent},
    {"RandomNormal", random_values},
    {"RandomNormalLike", random_values},
    {"RandomUniform", random_values},
    {"RandomUniformLike", random_values},
    {"Multinomial", random_values},
    {"Bernoulli", random_values},
    {"StringNormalizer", text},
    {"TfIdfVectorizer", text},
    {"MaxUnpool", "its positions depend on data"},
    {"GridSample", "sampling at computed positions is not supported yet"},
    {"DeformConv", "sampling at computed positions is not supported yet"},
    {"Det", "determinants are not supported"},
    {"DFT", "Fourier transforms are not supported"},
    {"STFT", "Fourier transforms are not supported"},
    {"MelWeightMatrix", "spectral windows are not supported"},
    {"HannWindow", "spectral windows are not supported"},
    {"HammingWindow", "spectral windows are not supported"},
    {"BlackmanWindow", "spectral windows are not supported"},
    {"SoftmaxCrossEntropyLoss", "losses belong to training"},
    {"NegativeLogLikelihoodLoss", "losses belong to training"},
    {"ReverseSequence", "its order depends on data"},
};

const char *cim_cc_net_refusal(const char *type)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (!strcmp(refusals[i].type, type))
            return refusals[i].why;
    return NULL;
}

static int order(const cim_cc_net_def *d, const char *type, bool microsoft)
{
    return d->microsoft != microsoft ? (d->microsoft ? 1 : -1) : strcmp(d->type, type);
}

const cim_cc_net_def *cim_cc_net_def_find(const char *type, bool microsoft)
{
    size_t low = 0, high = N_DEFS;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = order(&defs[mid], type, microsoft);
        if (c == 0)
            return &defs[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const cim_cc_net_def *cim_cc_net_def_at(size_t i)
{
    return i < N_DEFS ? &defs[i] : NULL;
}

const char *cim_cc_net_def_nearest(const char *type)
{
    const char *words[N_DEFS];
    for (size_t i = 0; i < N_DEFS; i++)
        words[i] = defs[i].type;
    return cim_text_nearest(type, words, N_DEFS);
}

uint32_t cim_cc_net_def_min_inputs(const cim_cc_net_def *d)
{
    return d->min_in;
}

uint32_t cim_cc_net_def_max_inputs(const cim_cc_net_def *d)
{
    return d->max_in == MANY ? CIM_CC_INVALID : d->max_in;
}
